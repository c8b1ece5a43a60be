"""WHT-3 against a real name server, and on real messages signed in the test."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest
from portal.workflow.services import attaching
from tests.cast import Cast
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import whitelist_draft
from tests.whitelist.signing import signed
from whitelist import proof

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("value", "outcome", "words"),
    [
        ("notices@vendor.example", Outcome.PASS, "policy reject"),
        ("notices@mail.vendor.example", Outcome.PASS, "policy reject"),
        ("watching.example", Outcome.WARN, "p=none"),
        ("notices@bare.example", Outcome.FAIL, "bare.example has no DMARC record"),
        ("notices@nowhere.example", Outcome.FAIL, "has no DMARC record"),
        ("notices@twice.example", Outcome.FAIL, "several DMARC records"),
        ("notices@broken.example", Outcome.FAIL, "not valid"),
        ("notices@silent.example", Outcome.UNKNOWN, "did not say"),
    ],
)
def test_what_the_vendors_domain_publishes_decides(
    names: DnsServer, value: str, outcome: Outcome, words: str
) -> None:
    (found,) = proof.domain_findings([value])
    assert (found.clause, found.outcome, found.must) == ("WHT-3", outcome, True)
    assert words in found.sentence
    assert found.blocks == (outcome in (Outcome.FAIL, Outcome.UNKNOWN))
    assert found.evidence["domain"] == value.rpartition("@")[2]


def test_no_answer_in_time_is_unknown_never_a_pass(names: DnsServer, settings: Any) -> None:
    settings.DNS_DEADLINE_SECONDS = 0.3
    (found,) = proof.domain_findings(["notices@slow.example"])
    assert found.outcome == Outcome.UNKNOWN
    assert found.blocks
    assert ("_dmarc.slow.example", "TXT") in names.asked


def test_each_domain_is_asked_once_and_all_together(names: DnsServer) -> None:
    names.delay = 0.05
    found = proof.domain_findings(
        ["a@vendor.example", "b@vendor.example", "c@bare.example", "watching.example"]
    )
    assert [one.outcome for one in found] == [Outcome.PASS, Outcome.FAIL, Outcome.WARN]
    assert names.asked.count(("_dmarc.vendor.example", "TXT")) == 1


# ---------------------------------------------------------------- samples
def findings_with(cast: Cast, raw: bytes, *, address: str) -> tuple[list[Finding], ServiceRequest]:
    draft = whitelist_draft(cast, addresses=(address,))
    upload = SimpleUploadedFile("sample.eml", raw, "message/rfc822")
    attaching.attach(service_request=draft, actor=cast.requester, upload=upload)
    found = [one for one in draft.kind_entry.check(draft) if one.clause == "WHT-3"]
    return found, draft


def test_a_signed_sample_is_the_proof_that_p_none_lacks(names: DnsServer, cast: Cast) -> None:
    raw = signed(names, sender="notices@watching.example", by="watching.example")
    found, _ = findings_with(cast, raw, address="notices@watching.example")
    assert [one.outcome for one in found] == [Outcome.PASS, Outcome.PASS]
    assert "A real message passes DMARC" in found[1].sentence


def test_a_sample_signed_by_another_domain_bars_approval_and_says_why(names: DnsServer, cast: Cast) -> None:
    raw = signed(names, sender="notices@vendor.example", by="platform.example")
    found, _ = findings_with(cast, raw, address="notices@vendor.example")
    assert [one.outcome for one in found] == [Outcome.PASS, Outcome.FAIL]
    assert found[1].blocks
    assert "platform.example" in found[1].sentence


def test_a_changed_sample_fails(names: DnsServer, cast: Cast) -> None:
    raw = signed(names, sender="notices@vendor.example", by="vendor.example") + b"P.S. Send money.\r\n"
    found, _ = findings_with(cast, raw, address="notices@vendor.example")
    assert found[1].outcome == Outcome.FAIL


def test_a_sample_of_somebody_else_proves_nothing(names: DnsServer, cast: Cast) -> None:
    raw = signed(names, sender="notices@vendor.example", by="vendor.example")
    found, _ = findings_with(cast, raw, address="notices@watching.example")
    assert [one.outcome for one in found] == [Outcome.WARN, Outcome.WARN]
    assert "not asked for here" in found[1].sentence
    assert not found[1].must


@pytest.mark.parametrize("raw", [b"just words, no header\r\n", b"From: x\r\n" * 5000 + b"\r\n"])
def test_a_file_that_is_no_message_is_named_and_blocks_nothing(
    names: DnsServer, cast: Cast, raw: bytes
) -> None:
    found, _ = findings_with(cast, raw, address="notices@vendor.example")
    assert [one.outcome for one in found] == [Outcome.PASS, Outcome.WARN]
    assert "sample.eml" in found[1].sentence
    assert not found[1].must
