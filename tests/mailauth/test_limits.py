"""What a valid signature leaves open: to text after its end, to a second From, to its own domain's second thoughts."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import MessageReport, check_message
from tests.mailauth.conftest import resolver_for
from tests.mailauth.signing import BODY, message, rsa_key, sign
from tests.support.dns_server import DnsServer

FULL = ("from", "from", "to", "subject", "date", "message-id")
PHISHING = b"Your mailbox is full. Sign in at https://evil.example/ to keep it.\r\n"
CANONICAL = BODY.replace(b"  ", b" ")


@pytest.fixture
def ttu(server: DnsServer) -> DnsServer:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.txt("s1._domainkey.ttu.edu", rsa_key().record)
    return server


def check(server: DnsServer, raw: bytes, **facts: Any) -> MessageReport:
    return check_message(raw, resolver=resolver_for(server.address, 3.0), **facts)


def proves(report: MessageReport) -> tuple[bool | None, bool, Outcome]:
    (one,) = report.dkim
    return one.valid, one.proves, report.dmarc_by_dkim.outcome


def test_a_signature_of_the_whole_message_passes_without_a_word_of_warning(ttu: DnsServer) -> None:
    report = check(ttu, sign(message(), headers=FULL))
    assert proves(report) == (True, True, Outcome.PASS)
    assert report.dmarc_by_dkim.warnings == ()
    assert report.dmarc_by_dkim.reason == (
        "A valid DKIM signature of ttu.edu is aligned with the From domain ttu.edu."
    )


@pytest.mark.parametrize("canonical", ["relaxed/relaxed", "simple/simple"])
def test_text_after_the_signed_length_is_no_proof(ttu: DnsServer, canonical: str) -> None:
    report = check(ttu, sign(message(), headers=FULL, length=True, canonical=canonical) + PHISHING)
    assert proves(report) == (True, False, Outcome.FAIL)
    size = len(CANONICAL if canonical.endswith("relaxed") else BODY)
    assert report.dmarc_by_dkim.reason == (
        f"The signature of ttu.edu is valid and proves nothing: it signs the first {size} of {size + len(PHISHING)} "
        f"octets of the body (l={size}), so anybody can have added text (RFC 6376 section 8.2)."
    )


def test_a_length_of_nothing_is_no_proof_even_of_an_empty_body(ttu: DnsServer) -> None:
    empty = sign(message(body=b""), headers=FULL, length=True)
    assert b"l=0" in empty
    for raw in (empty, empty + PHISHING):
        report = check(ttu, raw)
        assert proves(report) == (True, False, Outcome.FAIL)
        assert "it signs nothing of the body (l=0)" in report.dmarc_by_dkim.reason


def test_the_whole_body_by_its_length_passes_with_a_warning_in_the_reason(ttu: DnsServer) -> None:
    report = check(ttu, sign(message(), headers=FULL, length=True))
    assert proves(report) == (True, True, Outcome.PASS)
    (warning,) = report.dmarc_by_dkim.warnings
    assert f"(l={len(CANONICAL)}): anybody can append text" in warning
    assert report.dmarc_by_dkim.reason.endswith(warning)


def test_blank_lines_at_the_end_are_not_of_the_canonical_body(ttu: DnsServer) -> None:
    report = check(ttu, sign(message(), headers=FULL, length=True) + b"\r\n \t\r\n\r\n")
    assert proves(report) == (True, True, Outcome.PASS)


def test_a_length_beyond_the_body_is_not_valid(ttu: DnsServer) -> None:
    """The end of the body was cut off, so that what is left is not what was signed (RFC 6376 section 3.5)."""
    signed = sign(message(), headers=FULL, length=True)
    report = check(ttu, signed.removesuffix(b"Joe.\r\n"))
    assert proves(report) == (False, False, Outcome.FAIL)
    assert (
        f"it signs {len(CANONICAL)} octets of the body (l=), and the body has" in report.dmarc_by_dkim.reason
    )


def test_a_second_signature_of_the_whole_message_makes_up_for_one_with_a_length(ttu: DnsServer) -> None:
    text = message(body=BODY + PHISHING)
    whole = sign(text, headers=FULL).removesuffix(text)
    partial = sign(message(), headers=FULL, length=True).removesuffix(message())
    for raw in (whole + partial + text, partial + whole + text):
        report = check(ttu, raw)
        assert [one.valid for one in report.dkim] == [True, True]
        assert (report.dmarc_by_dkim.outcome, report.dmarc_by_dkim.warnings) == (Outcome.PASS, ())


def test_from_signed_once_warns_that_a_second_one_can_be_added(ttu: DnsServer) -> None:
    once = sign(message())
    report = check(ttu, once)
    assert proves(report) == (True, True, Outcome.PASS)
    assert "anybody can add a second From to a copy" in report.dmarc_by_dkim.reason
    attacked = check(ttu, b"From: president@ttu.edu\r\n" + once)
    assert attacked.dmarc_by_dkim.outcome is Outcome.FAIL
    assert "2 From fields" in attacked.dmarc_by_dkim.reason


def test_over_signing_keeps_a_second_from_out(ttu: DnsServer) -> None:
    attacked = check(ttu, b"From: president@ttu.edu\r\n" + sign(message(), headers=FULL))
    assert proves(attacked) == (False, False, Outcome.FAIL)


def test_what_is_not_signed_is_noted(ttu: DnsServer) -> None:
    extra = "Reply-To: x@ttu.edu\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n"
    report = check(ttu, sign(message(extra=extra), headers=("from", "from", "date")))
    notes = " ".join(note.text for note in report.dkim[0].notes)
    assert "anybody can change it: Subject, To, Reply-To, MIME-Version, Content-Type" in notes
    assert report.dmarc_by_dkim.outcome is Outcome.PASS


def test_a_key_in_test_mode_proves_nothing(ttu: DnsServer) -> None:
    ttu.txt("t._domainkey.ttu.edu", f"v=DKIM1; t=y:s; p={rsa_key().public}")
    report = check(ttu, sign(message(), headers=FULL, selector="t"))
    assert proves(report) == (True, False, Outcome.FAIL)
    assert "the key at t._domainkey.ttu.edu says t=y (testing)" in report.dmarc_by_dkim.reason


def test_a_strict_key_alone_is_fine(ttu: DnsServer) -> None:
    ttu.txt("t._domainkey.ttu.edu", f"v=DKIM1; t=s; p={rsa_key().public}")
    assert proves(check(ttu, sign(message(), headers=FULL, selector="t"))) == (True, True, Outcome.PASS)


def test_a_weak_key_warns_in_the_reason(ttu: DnsServer) -> None:
    ttu.txt("w._domainkey.ttu.edu", rsa_key(1024).record)
    report = check(ttu, sign(message(), headers=FULL, selector="w", key=rsa_key(1024)))
    assert report.dmarc_by_dkim.warnings == (
        "Its RSA key has 1024 bits, which is weak. Have the service use 2048.",
    )


def test_time_is_that_of_the_caller(ttu: DnsServer) -> None:
    now = datetime.now(UTC)
    raw = sign(message(), headers=FULL, more=[("x", str(int((now + timedelta(days=7)).timestamp())))])
    assert proves(check(ttu, raw, now=now)) == (True, True, Outcome.PASS)
    late = check(ttu, raw, now=now + timedelta(days=8))
    assert proves(late) == (False, False, Outcome.FAIL)
    assert "expired on" in late.dmarc_by_dkim.reason
    early = check(ttu, raw, now=now - timedelta(hours=1))
    assert proves(early) == (False, False, Outcome.FAIL)
    assert "dated in the future" in early.dmarc_by_dkim.reason
    assert proves(check(ttu, raw, now=now - timedelta(minutes=5))) == (True, True, Outcome.PASS)


@pytest.mark.parametrize("tag", ["x=soon", "t=now", "t=-1", "l=-1", "l=1e3"])
def test_tags_that_are_no_numbers(ttu: DnsServer, tag: str) -> None:
    name, _, value = tag.partition("=")
    raw = (
        sign(message(), headers=FULL, more=[(name, value)])
        if name != "t"
        else (sign(message(), headers=FULL).replace(b" t=", f" t={value}; z=".encode(), 1))
    )
    assert proves(check(ttu, raw)) == (False, False, Outcome.FAIL)


def test_the_command_says_the_same(ttu: DnsServer, settings: Any, tmp_path: Path) -> None:
    settings.DNS_DEADLINE_SECONDS = 3.0
    path = tmp_path / "sample.eml"
    path.write_bytes(sign(message(), headers=FULL, length=True) + PHISHING)
    out = StringIO()
    call_command("check_message", str(path), "--resolver", ttu.address, "--json", stdout=out)
    data = json.loads(out.getvalue())
    assert (data["dkim"][0]["valid"], data["dkim"][0]["proves"]) == (True, False)
    assert data["dmarc_by_dkim"]["outcome"] == "fail"
    assert "proves nothing" in data["dmarc_by_dkim"]["reason"]
    out = StringIO()
    call_command("check_message", str(path), "--resolver", ttu.address, stdout=out)
    assert out.getvalue().startswith("DMARC by DKIM    fail\n")
    assert "proves: no" in out.getvalue()
