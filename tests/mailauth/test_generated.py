"""Generated messages: no crash, no hang, and no author judged that people would not see (`benchmarks/generated_messages`)."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.generated_messages import LONGEST_SECONDS, agrees, generated, visible_domains
from portal.mailauth.message_intake import MessageRefused
from portal.mailauth.message_report import read_signed


def author_of(raw: bytes) -> str | None:
    """The author domain that would be judged; within the bound of time."""
    began = time.process_time()
    try:
        domain = read_signed(raw).author.domain
    except MessageRefused:
        domain = None
    assert time.process_time() - began < LONGEST_SECONDS
    return domain


def test_what_is_judged_is_what_people_see() -> None:
    chance, judged = random.Random(9), 0
    for _ in range(3000):
        raw = generated(chance)
        domain = author_of(raw)
        judged += domain is not None
        assert domain is None or agrees(domain, raw), (domain, visible_domains(raw), raw)
    assert judged > 300, "most of what is generated must not be refused for another reason"


@given(value=st.text(st.sampled_from('ab@.<>"\\(),;: \t=?é'), max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_from_field(value: str) -> None:
    raw = f"From: {value}\r\n\r\nx".encode()
    domain = author_of(raw)
    assert domain is None or agrees(domain, raw), (domain, visible_domains(raw))


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("Joe <joe@ttu.edu>", "ttu.edu"),
        ("joe@ttu.edu", "ttu.edu"),
        ('"Joe, President" <joe@ttu.edu>', "ttu.edu"),
        ("Joe <joe@bücher.example>", "xn--bcher-kva.example"),
        ("joe@ttu.edu (Joe)", "ttu.edu"),
        ("ttu.edu", None),
        ("joe@bücher.example>", None),
        ("joe@bücher.example, joe@evil.example", None),
        ("president@ttu.edu>", None),
        ("<jöbücher.example>", None),
        ("The office: joe@mail.ttu.edu;", "mail.ttu.edu"),
        ("The office: joe@mail.ttu.edu; joe@evil.example", None),
        ("Joe <@relay.example:joe@ttu.edu>", None),
        ("president@ttu.edu(<evil@evil.example>)<@relay.example:@@localhost>", None),
        ('"president@ttu.edu" <joe@ttu.edu> <@@evil.example>', None),
        ("joe..doe evil.example joe@ttu.edu", None),
        ("joe@ttu.edu;joe@ttu.edu", None),
    ],
)
def test_the_author_of(value: str, domain: str | None) -> None:
    raw = f"From: {value}\r\n\r\nx".encode()
    assert author_of(raw) == domain
    assert domain is None or agrees(domain, raw)
