"""The pictures of a DKIM key and of an SPF tree: what they say, to everybody, and never more than a page can hold."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.mailauth.answers import Answer, AnswerKind
from portal.mailauth.as_drawing import MOST_TERMS, key_drawing, spf_drawing
from portal.mailauth.dkim_key import parse_key
from portal.mailauth.spf import check_unpublished_spf
from portal.ui.drawings import draw
from tests.cast import Cast, client_of
from tests.mailauth.signing import ed25519_key, rsa_key
from tests.senders.cast import submitted
from tests.support.dns_server import DnsServer


class Zone:
    """Lookups over a mapping of names to TXT records; whatever else is asked does not exist."""

    def __init__(self, records: dict[str, str]) -> None:
        self.records = records

    async def ask(self, name: str, rdtype: str) -> Answer:
        text = self.records.get(name) if rdtype == "TXT" else None
        if text is None:
            return Answer(name, rdtype, AnswerKind.NXDOMAIN)
        return Answer(name, rdtype, AnswerKind.RECORDS, (text,))

    async def ask_all(self, questions: Any) -> list[Answer]:
        return [await self.ask(*question) for question in questions]


def tree(record: str, added: str = "", **zone: str) -> str:
    lookups = Zone({name.replace("_", "."): text for name, text in zone.items()})
    with ThreadPoolExecutor(max_workers=1) as pool:  # a browser's loop may be running in this thread
        report = pool.submit(asyncio.run, check_unpublished_spf(record, "mail.example", lookups)).result()
    return draw(spf_drawing(report, added=added))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def key(record: str, **facts: Any) -> str:
    known: dict[str, Any] = {
        "name": "s1._domainkey.x.edu",
        "chain": ["s1.vendor.example."],
        "is_published": True,
    }
    return words(draw(key_drawing(key=parse_key(record), **(known | facts))))


def test_a_key_is_drawn_from_its_name_to_its_bits() -> None:
    drawn = draw(
        key_drawing(
            name="s1._domainkey.x.edu",
            chain=["s1.vendor.example."],
            key=parse_key(rsa_key().record),
            is_published=True,
        )
    )
    assert words(drawn).startswith(
        "s1._domainkey.x.edu is an alias of s1.vendor.example holds Sound key RSA, 2048 bits"
    )
    assert 'width="80.0"' in drawn  # half of the 4096 that the gauge is long
    assert "style=" not in drawn


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (rsa_key(1024).record, "Small key RSA, 1024 bits"),
        (ed25519_key().record, "Sound key ED25519, 256 bits"),
        ("v=DKIM1; p=", "Revoked key: p= is empty"),
        ("v=DKIM1; p=***", "Key that receivers do not use"),
        (f"{rsa_key().record}; t=y", "Key marked as a test"),
    ],
    # By what is said: the keys are drawn anew in each process, and both must name the tests alike.
    ids=lambda value: "" if value.startswith("v=") else value,
)
def test_the_state_of_a_key_is_in_words(record: str, said: str) -> None:
    assert said in key(record)


def test_what_is_planned_missing_or_unknown_says_so() -> None:
    assert "would be an alias of s1.vendor.example would hold Sound key" in key(
        rsa_key().record, is_published=False
    )
    facts: dict[str, Any] = {"name": "s1._domainkey.x.edu", "chain": [], "key": None}
    assert words(draw(key_drawing(**facts, is_published=True))).endswith("holds No key")
    unknown = words(draw(key_drawing(**facts, is_published=None, is_unknown=True)))
    assert "Unknown: the DNS did not answer" in unknown


def test_an_spf_tree_counts_nests_and_marks_what_is_new() -> None:
    drawn = tree(
        "v=spf1 ip4:192.0.2.0/24 include:spf.vendor.example include:gone.example a:none.example -all",
        added="include:spf.vendor.example",
        spf_vendor_example="v=spf1 include:deep.vendor.example ~all",
        deep_vendor_example="v=spf1 ip4:192.0.2.0/24 -all",
    )
    said = words(drawn)
    assert "4 of 10 DNS lookups, 2 of 2 that find nothing" in said
    assert "include:spf.vendor.example this request’s 2 lookups" in said
    assert "include:gone.example 1 lookup an error for receivers: gone.example has no SPF record" in said
    assert "a:none.example 1 lookup finds nothing" in said
    assert "1 term without a lookup" in said
    assert "everything else fails (-all)" in said
    document = html5lib.parse(drawn, namespaceHTMLElements=False)
    deep = [li for li in document.iter("li") if "include:deep.vendor.example" in "".join(li.itertext())]
    assert len(deep) == 3  # itself, the include it stands under, and the domain
    assert drawn.count('class="gauge-filled"') == 4
    assert drawn.count('class="gauge-track"') == 6


def test_a_tree_over_the_limit_shows_the_slots_beyond() -> None:
    drawn = tree(f"v=spf1 {' '.join(f'a:h{n}.example' for n in range(13))} -all")
    assert "13 of 10 DNS lookups" in words(drawn)
    assert drawn.count('class="gauge-over"') == 3


def test_a_circle_and_a_crowd_end() -> None:
    circle = tree("v=spf1 include:a.example -all", a_example="v=spf1 include:mail.example -all")
    assert "a circle" in words(circle)
    crowd = tree(f"v=spf1 {' '.join(f'exists:h{n}.example' for n in range(3000))} -all")
    assert f"and {3000 - MOST_TERMS} more" in words(crowd)
    assert len(crowd) < 40_000


def test_a_deep_chain_is_cut_and_says_so() -> None:
    chain = {f"d{n}_example": f"v=spf1 include:d{n + 1}.example -all" for n in range(20)}
    drawn = tree("v=spf1 include:d0.example -all", **chain, d20_example="v=spf1 -all")
    assert "21 of 10 DNS lookups" in words(drawn)
    assert "include:d8.example 13 lookups with more behind it" in words(drawn)
    assert "d9.example" not in drawn


def test_data_of_another_form_draws_nothing() -> None:
    assert draw({"what": "something of next year"}) == ""


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=80))
def test_any_record_is_drawn_as_text(record: str, name: str) -> None:
    for html in (
        tree(f"v=spf1 {record}", added=name, a_example=record),
        draw(key_drawing(name=name, chain=[name, record] * 8, key=parse_key(record), is_published=True)),
    ):
        html.encode()
        tags = set(re.findall(r"<\s*([a-zA-Z]+)", html))
        assert tags <= {"ol", "li", "ul", "span", "strong", "svg", "rect", "line", "div", "p"}


@pytest.mark.django_db
def test_the_page_draws_what_is_wrong_and_folds_what_is_right(published: DnsServer, cast: Cast) -> None:
    request = submitted(
        cast,
        keys=("s1 s1.dkim.crmvendor.example", "revoked s1.dkim.crmvendor.example"),
        envelope_domain="bounce.crm.ttu.edu",
        spf_term="include:spf.crmvendor.example",
    )
    page = client_of(cast.requester).get(request.get_absolute_url()).content.decode()
    document = html5lib.parse(page, namespaceHTMLElements=False)
    folded = {id(inner) for fold in document.iter("details") for inner in fold.iter()}
    ways = [way for way in document.iter("ol") if way.get("class", "").startswith("key-way")]
    assert [id(way) in folded for way in ways] == [True, False]
    assert "Revoked key" in "".join(ways[1].itertext())
    trees = [one for one in document.iter("ul") if one.get("class") == "spf-tree"]
    assert [id(one) in folded for one in trees] == [True]
    assert "Raw record" not in page  # for reviewers
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "Raw record" in page
    assert "&quot;drawing&quot;" not in page
