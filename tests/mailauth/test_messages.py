"""Signed messages: what passes, what fails, what is not known, and the one reason given."""

import pytest

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import MessageReport, SignatureReport, check_message
from tests.mailauth.conftest import resolver_for
from tests.mailauth.signing import BODY, ed25519_key, message, rsa_key, sign
from tests.support.dns_server import DnsServer


@pytest.fixture
def ttu(server: DnsServer) -> DnsServer:
    """ttu.edu with an enforcing DMARC record and one key at s1; a vendor with its own key."""
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.txt("s1._domainkey.ttu.edu", rsa_key().record)
    server.txt("s1._domainkey.vendor.example", rsa_key().record)
    return server


def check(server: DnsServer, raw: bytes, seconds: float = 3.0) -> MessageReport:
    return check_message(raw, resolver=resolver_for(server.address, seconds))


def with_keys(record: str) -> str:
    """The record with the run's keys in it: parameters must read the same in every worker that collects them."""
    good = rsa_key().public
    return record.format(
        rsa=good, start=good[:50], rest=good[50:], other=rsa_key(1024).public, ed25519=ed25519_key().public
    )


def only(report: MessageReport) -> SignatureReport:
    assert len(report.dkim) == 1
    return report.dkim[0]


def says(one: SignatureReport) -> str:
    return " ".join(note.text for note in one.notes)


@pytest.mark.parametrize(
    "canonical", ["relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"]
)
@pytest.mark.parametrize("kind", ["rsa1024", "rsa2048", "rsa4096", "ed25519"])
def test_every_key_and_canonicalization(ttu: DnsServer, kind: str, canonical: str) -> None:
    key = ed25519_key() if kind == "ed25519" else rsa_key(int(kind.removeprefix("rsa")))
    ttu.txt("k._domainkey.ttu.edu", key.record)
    report = check(ttu, sign(message(), selector="k", key=key, canonical=canonical))
    one = only(report)
    assert report.dmarc_by_dkim.outcome is Outcome.PASS
    assert (one.valid, one.bits, one.algorithm) == (
        True,
        256 if kind == "ed25519" else int(kind[3:]),
        f"{key.kind}-sha256",
    )
    assert (one.domain, one.selector, one.body_length_tag) == ("ttu.edu", "k", None)
    assert one.covers == ("from", "to", "subject", "date", "message-id")
    assert ("use 2048" in says(one)) is (kind == "rsa1024")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n\r\n",
        b"x",
        b"x \t y\t\r\n \r\n\t\r\n",
        b" \r\n \r\nx",
        b"tail \t\r\n",
        b"gr\xfc\xdfe \xf0\x9f\x8d\xbd\r\n" * 3,
    ],
)
@pytest.mark.parametrize("canonical", ["relaxed/relaxed", "simple/simple"])
def test_bodies_at_the_edges(ttu: DnsServer, body: bytes, canonical: str) -> None:
    assert only(check(ttu, sign(message(body=body), canonical=canonical))).valid is True


def test_the_last_line_end_may_be_lost_in_saving(ttu: DnsServer) -> None:
    signed = sign(message(body=b"tail \t\r\n"))
    assert only(check(ttu, signed.removesuffix(b"\r\n"))).valid is True


def test_changed_body_and_header(ttu: DnsServer) -> None:
    signed = sign(message())
    body = only(check(ttu, signed.replace(b"We lost", b"We won")))
    header = only(check(ttu, signed.replace(b"dinner", b"lunch")))
    assert body.valid is False
    assert "body was changed" in says(body)
    assert header.valid is False
    assert "header was changed" in says(header)


def test_crlf_damage(ttu: DnsServer) -> None:
    signed = sign(message(), canonical="simple/simple")
    saved_on_unix = check(ttu, signed.replace(b"\r\n", b"\n"))
    assert saved_on_unix.dmarc_by_dkim.outcome is Outcome.PASS
    assert any("LF alone" in note.text for note in saved_on_unix.notes)
    doubled = check(ttu, signed.replace(b"We lost the game.", b"We lost\r\nthe game."))
    assert doubled.dmarc_by_dkim.outcome is Outcome.FAIL


def test_folded_header(ttu: DnsServer) -> None:
    folded = message(extra="X-Long: a\r\n\tb\r\n   c\r\n")
    signed = sign(folded, headers=("from", "x-long", "subject"))
    assert only(check(ttu, signed)).valid is True
    refolded = signed.replace(b"X-Long: a\r\n\tb\r\n   c", b"X-Long:  a b c")
    assert only(check(ttu, refolded)).valid is True
    strict = sign(folded, headers=("from", "x-long", "subject"), canonical="simple/simple")
    assert only(check(ttu, strict.replace(b"X-Long: a\r\n\tb\r\n   c", b"X-Long:  a b c"))).valid is False


def test_eight_bit_header(ttu: DnsServer) -> None:
    assert only(check(ttu, sign(message(sender="José <joe@ttu.edu>")))).valid is True


def test_body_length_tag(ttu: DnsServer) -> None:
    signed = sign(message(), length=True) + b"Buy this.\r\n"
    report = check(ttu, signed)
    one = only(report)
    assert (one.valid, one.proves, one.body_length_tag) == (True, False, len(BODY.replace(b"  ", b" ")))
    assert "It proves nothing" in says(one)


def test_over_signed(ttu: DnsServer) -> None:
    signed = sign(message(), headers=("from", "from", "to", "subject", "subject"))
    assert "From is over-signed" in says(only(check(ttu, signed)))
    assert only(check(ttu, signed)).valid is True
    added = signed.replace(b"Subject:", b"Subject: Another\r\nSubject:", 1)
    assert only(check(ttu, added)).valid is False


def test_expiry(ttu: DnsServer) -> None:
    past = check(ttu, sign(message(), more=[("x", "1000000000")]))
    assert only(past).valid is False
    assert "expired on 09 September 2001" in past.dmarc_by_dkim.reason
    future = only(check(ttu, sign(message(), more=[("x", "4000000000")])))
    assert future.valid is True
    assert "good until" in says(future)


def test_from_not_covered(ttu: DnsServer) -> None:
    signed = sign(message()).replace(b"h=from : to", b"h=to", 1)
    one = only(check(ttu, signed))
    assert one.valid is False
    assert "does not cover the From field" in says(one)


def test_sha1_is_refused(ttu: DnsServer) -> None:
    one = only(check(ttu, sign(message(), algorithm="rsa-sha1")))
    assert one.valid is False
    assert "RFC 8301" in says(one)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; k=ed25519; p={ed25519}", "rsa-sha256 and the key is ed25519"),
        ("v=DKIM1; h=sha1; p={rsa}", "sha256 only"),
        ("v=DKIM1; s=tlsrpt; p={rsa}", "not for email"),
        ("v=DKIM1; p=%%%", "no base64"),
        ("v=DKIM1; p={other}", "another key signed it"),
    ],
)
def test_keys_that_do_not_fit(ttu: DnsServer, record: str, text: str) -> None:
    ttu.txt("k._domainkey.ttu.edu", with_keys(record))
    report = check(ttu, sign(message(), selector="k"))
    assert only(report).valid is False
    assert text in says(only(report))
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "record",
    [
        "p={rsa}",
        "v=DKIM1; n=héllo; s=email:*; t=y; g=*; p={rsa}",
        "v=DKIM1;h=sha256 ; p = {start} {rest};",
    ],
)
def test_odd_but_good_key_records(ttu: DnsServer, record: str) -> None:
    ttu.txt("k._domainkey.ttu.edu", with_keys(record))
    assert only(check(ttu, sign(message(), selector="k"))).valid is True


def test_identity_outside_of_the_domain(ttu: DnsServer) -> None:
    raw = sign(message(), domain="ttu.edu").replace(b"i=@ttu.edu", b"i=@other.edu")
    assert "i= names other.edu" in says(only(check(ttu, raw)))
    ttu.txt("strict._domainkey.ttu.edu", f"v=DKIM1; t=s; p={rsa_key().public}")
    narrower = sign(message(), selector="strict").replace(b"i=@ttu.edu", b"i=@x.ttu.edu")
    assert "i= names x.ttu.edu" in says(only(check(ttu, narrower)))


# ---------------------------------------------------------------- alignment and verdict
def test_vendor_signs_only_its_own_domain(ttu: DnsServer) -> None:
    report = check(ttu, sign(message(), domain="vendor.example"))
    assert only(report).valid is True
    assert only(report).aligned.nowhere
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert report.dmarc_by_dkim.reason == (
        "It is signed by vendor.example, which is not aligned with the From domain ttu.edu."
    )


def test_two_signatures_one_aligned(ttu: DnsServer) -> None:
    report = check(ttu, sign(sign(message()), domain="vendor.example"))
    assert [(one.domain, one.valid) for one in report.dkim] == [("vendor.example", True), ("ttu.edu", True)]
    assert report.dmarc_by_dkim.outcome is Outcome.PASS


def test_subdomain_relaxed_and_strict(ttu: DnsServer) -> None:
    ttu.txt("s1._domainkey.news.ttu.edu", rsa_key().record)
    signed = sign(message(), domain="news.ttu.edu")
    assert check(ttu, signed).dmarc_by_dkim.outcome is Outcome.PASS
    ttu.remove("_dmarc.ttu.edu", "TXT")
    ttu.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject; adkim=s")
    report = check(ttu, signed)
    assert only(report).aligned.nowhere
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL


def test_aligned_for_some_receivers_alone_fails(ttu: DnsServer) -> None:
    ttu.txt("s1._domainkey.news.ttu.edu", rsa_key().record)
    ttu.txt("_dmarc.news.ttu.edu", "v=DMARC1; p=reject; psd=n")
    report = check(ttu, sign(message(), domain="news.ttu.edu"))
    assert (only(report).aligned.rfc9989, only(report).aligned.rfc7489) == (False, True)
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert "only for receivers that follow RFC 7489" in report.dmarc_by_dkim.reason


def test_author_domain_without_dmarc(ttu: DnsServer) -> None:
    report = check(ttu, sign(message(sender="a@vendor.example"), domain="vendor.example"))
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert "no DMARC record" in report.dmarc_by_dkim.reason


def test_author_domain_with_a_broken_record(ttu: DnsServer) -> None:
    ttu.remove("_dmarc.ttu.edu", "TXT")
    ttu.txt("_dmarc.ttu.edu", "v=DMARC1; p=maybe")
    report = check(ttu, sign(message()))
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert "DMARC record of ttu.edu is not valid" in report.dmarc_by_dkim.reason


@pytest.mark.parametrize("name", ["s1._domainkey.ttu.edu", "_dmarc.ttu.edu"])
@pytest.mark.parametrize("knob", ["servfail", "refuse", "drop"])
def test_what_does_not_answer_is_unknown(ttu: DnsServer, name: str, knob: str) -> None:
    getattr(ttu, knob)(name)
    report = check(ttu, sign(message()), 0.4)
    assert report.dmarc_by_dkim.outcome is Outcome.UNKNOWN
    ttu.heal(name)
    assert check(ttu, sign(message())).dmarc_by_dkim.outcome is Outcome.PASS


def test_a_missing_key_is_a_fact(ttu: DnsServer) -> None:
    report = check(ttu, sign(message(), selector="gone"))
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert "There is no key at gone._domainkey.ttu.edu" in report.dmarc_by_dkim.reason


def test_unknown_foreign_signature_changes_nothing(ttu: DnsServer) -> None:
    ttu.servfail("s1._domainkey.vendor.example")
    assert check(ttu, sign(message(), domain="vendor.example")).dmarc_by_dkim.outcome is Outcome.FAIL


def test_unsigned(ttu: DnsServer) -> None:
    assert check(ttu, message()).dmarc_by_dkim.reason == "The message has no DKIM signature."


# ---------------------------------------------------------------- the author
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"From: Joe <joe@ttu.edu>", b"From: Joe <joe@ttu.edu>\r\nFrom: x@evil.example", "2 From fields"),
        (b"From: Joe <joe@ttu.edu>\r\n", b"", "no From field"),
        (b"Joe <joe@ttu.edu>", b"joe@ttu.edu, x@evil.example", "names 2 domains"),
        (b"Joe <joe@ttu.edu>", b"joe@ttu.edu <x@evil.example>", "read in more than one way"),
        (b"Joe <joe@ttu.edu>", b"joe@[192.0.2.1]", "more than one way, or not at all"),
        (b"Joe <joe@ttu.edu>", b"undisclosed:;", "no address"),
        (b"Joe <joe@ttu.edu>", b"(" * 3900 + b"joe@ttu.edu", "a comment in it has no end"),
        (b"Joe <joe@ttu.edu>", b"x" * 5000 + b"@ttu.edu", "too long"),
    ],
)
def test_no_single_author_never_passes(ttu: DnsServer, old: bytes, new: bytes, reason: str) -> None:
    report = check(ttu, sign(message()).replace(old, new, 1))
    assert report.from_domain is None
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert reason in report.dmarc_by_dkim.reason


def test_look_alike_author(ttu: DnsServer) -> None:
    shown = check(ttu, sign(message(sender='"dean@ttu.edu" <x@vendor.example>'), domain="vendor.example"))
    assert shown.from_domain == "vendor.example"
    assert any("shows an address at ttu.edu" in note.text for note in shown.notes)
    cyrillic = check(ttu, message(sender="dean@ttu\u0443.edu"))
    assert cyrillic.from_domain == "xn--ttu-ffd.edu"
    assert any("another script" in note.text for note in cyrillic.notes)


def test_spf_is_a_note_alone(ttu: DnsServer) -> None:
    raw = message(extra="Received-SPF: pass\r\nAuthentication-Results: mx; spf=pass\r\n")
    report = check(ttu, raw)
    assert report.dmarc_by_dkim.outcome is Outcome.FAIL
    assert any("SPF cannot be judged from a file" in note.text for note in report.notes)


def test_more_signatures_than_are_evaluated(ttu: DnsServer) -> None:
    raw = message()
    for _ in range(12):
        raw = sign(raw, domain="vendor.example")
    report = check(ttu, raw)
    assert len(report.dkim) == 8
    assert any("first 8 of its 12" in note.text for note in report.notes)
