"""Any text as a record, any bytes as a message: never an exception, never more than the deadline."""

import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.mailauth.answers import Answer, AnswerKind
from portal.mailauth.as_json import domain_as_json, message_as_json
from portal.mailauth.as_text import domain_as_text, message_as_text
from portal.mailauth.dkim_key import parse_key
from portal.mailauth.domain_report import report
from portal.mailauth.message_intake import MessageRefused, read_message
from portal.mailauth.message_report import report_message
from portal.mailauth.names import DomainRefused, SelectorRefused, parse_domain, parse_selector
from portal.mailauth.published_syntax import judge_spf, parse_dmarc
from portal.mailauth.resolver import run_to_end
from portal.mailauth.signature_fields import read_fields
from portal.mailauth.spf_terms import split_terms
from tests.mailauth.signing import message, rsa_key, sign

quick = settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
anything = st.text(st.characters(codec=None), max_size=400)
spf_words = st.sampled_from(
    [
        "v=spf1",
        "include:a.example",
        "include:",
        "a",
        "mx/24//64",
        "ptr",
        "exists:%{i}.x",
        "all",
        "-all",
        "?all",
        "redirect=b.example",
        "redirect=",
        "exp=%{",
        "ip4:1.2.3.4",
        "ip6:::1/129",
        "a:\udcff",
        "%",
        "+",
        "=",
        ":",
    ]
)
spf_like = st.lists(spf_words | anything, max_size=20).map(lambda words: " ".join(["v=spf1", *words]))
tag_words = st.sampled_from(
    [
        "v=DMARC1",
        "p=reject",
        "p=",
        "sp=none",
        "np=x",
        "t=y",
        "psd=n",
        "adkim=s",
        "rua=mailto:a@b.example",
        "rua=mailto:a@b!10m,x:",
        "pct=101",
        "=",
        "v=DKIM1",
        "k=rsa",
        "k=ed25519",
        "p=MIGf",
        "p=AAAA",
        "h=sha1",
        "s=x",
    ]
)
tags_like = st.lists(tag_words | anything, max_size=12).map(";".join)


class Said:
    """A DNS in which every TXT record is the given text, or nothing is known; it counts what is asked."""

    def __init__(self, text: str, kind: AnswerKind) -> None:
        self.text, self.kind, self.asked = text, kind, 0

    async def ask(self, name: str, rdtype: str) -> Answer:
        self.asked += 1
        texts = (self.text,) if rdtype == "TXT" else ()
        if self.kind is AnswerKind.RECORDS and not texts:
            return Answer(name, rdtype, AnswerKind.NO_ANSWER)
        return Answer(
            name, rdtype, self.kind, texts if self.kind is AnswerKind.RECORDS else (), why="as it is"
        )

    async def ask_all(self, questions: Any) -> list[Answer]:
        return [await self.ask(name, rdtype) for name, rdtype in questions]


def within(seconds: float, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    started = time.process_time()
    result = run_to_end(work())
    assert time.process_time() - started < seconds
    return result


@quick
@given(anything | spf_like | tags_like, st.sampled_from(AnswerKind))
def test_any_text_as_every_record_of_a_domain(text: str, kind: AnswerKind) -> None:
    dns = Said(text, kind)
    made = within(1.5, lambda: report("a.b.ttu.edu", ["s1"], dns))
    assert dns.asked < 400
    json.dumps(domain_as_json(made), ensure_ascii=False).encode()
    domain_as_text(made).encode()


@quick
@given(anything | tags_like)
def test_any_text_as_a_dmarc_record(text: str) -> None:
    made = parse_dmarc(text, "ttu.edu")
    assert made.verdict.fault or made.tags["p"] in ("none", "quarantine", "reject")


@quick
@given(anything | spf_like)
def test_any_text_as_an_spf_record(text: str) -> None:
    judge_spf(text, "ttu.edu")
    assert len(split_terms(text).querying) <= len(text.split())


@quick
@given(anything | tags_like)
def test_any_text_as_a_key(text: str) -> None:
    key = parse_key(text)
    assert not key.usable or key.bits


def sentence_or(kind: type[Exception], work: Callable[[], Any]) -> tuple[Any, str]:
    """What the work gives, or the sentence of the one refusal that it may raise."""
    try:
        return work(), ""
    except kind as refused:
        return None, str(refused) or "no sentence"


@quick
@given(anything)
def test_any_text_as_a_name(text: str) -> None:
    name, sentence = sentence_or(DomainRefused, lambda: parse_domain(text))
    assert sentence != "no sentence"
    if name is not None:
        assert parse_domain(name.ascii) == name
        assert len(name.ascii) <= 253
    selector, sentence = sentence_or(SelectorRefused, lambda: parse_selector(text))
    assert sentence != "no sentence"
    assert selector is None or parse_selector(selector) == selector


@quick
@given(st.binary(max_size=500))
def test_any_bytes_as_a_signature_field(value: bytes) -> None:
    made = read_fields(value)
    assert made.fault or made.domain


SIGNED = sign(message(), key=rsa_key(1024))
header_like = st.sampled_from(
    [
        b"From: a@ttu.edu\r\n",
        b"From: \xff@\xff\r\n",
        b"DKIM-Signature: v=1\r\n",
        b"DKIM-Signature:\r\n",
        b"\r\n",
        b" x\r\n",
        b"Content-Type: multipart/x; boundary=b\r\n",
        b"--b\r\n",
        b"From: =?x?q?=40?= <>\r\n",
        b"From: (((\r\n",
    ]
)
bytes_like = st.binary(max_size=300) | st.lists(header_like | st.binary(max_size=30), max_size=12).map(
    b"".join
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A well-signed message with bytes replaced somewhere."""
    start = draw(st.integers(0, len(SIGNED) - 1))
    end = draw(st.integers(start, min(len(SIGNED), start + 40)))
    return SIGNED[:start] + draw(st.binary(max_size=20)) + SIGNED[end:]


@quick
@given(bytes_like | damaged(), st.sampled_from(AnswerKind))
def test_any_bytes_as_a_message(raw: bytes, kind: AnswerKind) -> None:
    dns = Said(rsa_key(1024).record, kind)
    taken, sentence = sentence_or(MessageRefused, lambda: read_message(raw))
    assert sentence != "no sentence"
    if taken is None:
        return
    made = within(1.5, lambda: report_message(taken, dns))
    json.dumps(message_as_json(made), ensure_ascii=False).encode()
    message_as_text(made).encode()
    # This DNS has no DMARC record, so nothing can ever pass.
    assert made.dmarc_by_dkim.outcome != "pass"
    assert made.dmarc_by_dkim.reason


@quick
@given(damaged())
def test_a_damaged_message_passes_only_where_nothing_signed_changed(raw: bytes) -> None:
    class Zone(Said):
        async def ask(self, name: str, rdtype: str) -> Answer:
            texts = {"_dmarc.ttu.edu": "v=DMARC1; p=reject", "s1._domainkey.ttu.edu": self.text}
            if rdtype == "TXT" and name in texts:
                return Answer(name, rdtype, AnswerKind.RECORDS, (texts[name],))
            return Answer(name, rdtype, AnswerKind.NXDOMAIN)

    taken, _ = sentence_or(MessageRefused, lambda: read_message(raw))
    if taken is None:
        return
    made = run_to_end(report_message(taken, Zone(rsa_key(1024).record, AnswerKind.RECORDS)))
    if made.dmarc_by_dkim.outcome == "pass":
        assert made.from_domain == "ttu.edu"
        assert b"We lost the game." in raw
        assert b"Is dinner ready?" in raw
