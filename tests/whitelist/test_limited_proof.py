"""A signature with a length is no proof of a domain with p=none, and an entry that rests on one has no credit."""

import pytest
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import rechecking
from portal.grants.states import GrantState
from portal.samples import services
from portal.samples.models import SignedSample
from portal.workflow.models import ServiceRequest
from tests.cast import Cast, approve, fresh
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import submitted
from tests.whitelist.signing import signed
from whitelist.exports import standing

pytestmark = pytest.mark.django_db(transaction=True)
WATCHING, REJECTING = "notices@watching.example", "notices@vendor.example"
PHISHING = b"Sign in at https://evil.example/ to keep your mailbox.\r\n"


def add(request: ServiceRequest, raw: bytes) -> SignedSample:
    sample = services.receive_sample(service_request=request, raw=raw, source=SignedSample.Source.UPLOAD)
    services.take_into_account(sample=sample)
    sample.refresh_from_db()
    return sample


def sample_finding(request: ServiceRequest) -> tuple[str, str]:
    found = fresh(request).check_runs.latest("id").findings.get(rule__startswith="sample:")
    return found.outcome, found.sentence


def limited(names: DnsServer, sender: str) -> bytes:
    return signed(names, sender=sender, by=sender.partition("@")[2], length=True) + PHISHING


def approved_on_an_old_proof(cast: Cast, names: DnsServer, sender: str) -> tuple[Grant, SignedSample]:
    """A permission as an earlier version of the portal gave it: any valid signature counted."""
    request = submitted(cast, addresses=(sender,))
    sample = add(request, signed(names, sender=sender, by=sender.partition("@")[2]))
    grant = approve(cast, fresh(request))
    bad = services.receive_sample(
        service_request=request, raw=limited(names, sender), source=SignedSample.Source.UPLOAD
    )
    services.judge_sample(sample=bad)
    evidence = {name: value for name, value in bad.evidence.items() if name not in ("rules", "warnings")}
    SignedSample.objects.filter(pk=bad.pk).update(is_proof=True, outcome="pass", evidence=evidence)
    sample.delete()
    return grant, bad


def test_text_after_the_signed_length_bars_approval_and_says_so(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast, addresses=(WATCHING,))
    sample = add(request, limited(names, WATCHING))
    assert (sample.is_proof, sample.outcome) == (False, "fail")
    outcome, sentence = sample_finding(request)
    assert outcome == "fail"
    assert "so anybody can have added text" in sentence


def test_a_length_of_the_whole_body_warns_in_the_findings_own_sentence(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast, addresses=(WATCHING,))
    sample = add(request, signed(names, sender=WATCHING, by="watching.example", length=True))
    assert sample.is_proof
    outcome, sentence = sample_finding(request)
    assert outcome == "warn"
    assert sentence.startswith("A real message passes DMARC: ")
    assert "anybody can append text to a copy" in sentence


def test_an_entry_that_rests_on_such_a_proof_has_no_credit_until_a_better_one(
    names: DnsServer, cast: Cast
) -> None:
    grant, _ = approved_on_an_old_proof(cast, names, WATCHING)
    today = timezone.localdate()
    assert WATCHING in standing(today).addresses
    assert services.review_old_proofs() == 1
    held = Grant.objects.select_related("compliance").get(pk=grant.pk)
    assert (held.state, held.compliance.standing) == (GrantState.SUSPENDED, "broken")
    assert "the message that was its proof is none" in held.state_reason
    assert WATCHING not in standing(today).addresses
    rechecking.recheck_grants(today=today)
    assert Grant.objects.get(pk=grant.pk).state == GrantState.SUSPENDED
    add(grant.request, signed(names, sender=WATCHING, by="watching.example"))
    rechecking.recheck_grants(today=today)
    assert Grant.objects.get(pk=grant.pk).state == GrantState.ACTIVE
    assert WATCHING in standing(today).addresses


def test_an_entry_whose_domain_speaks_for_itself_keeps_its_credit(names: DnsServer, cast: Cast) -> None:
    grant, bad = approved_on_an_old_proof(cast, names, REJECTING)
    services.review_old_proofs()
    bad.refresh_from_db()
    assert (bad.is_proof, Grant.objects.get(pk=grant.pk).state) == (False, GrantState.ACTIVE)
    assert REJECTING in standing(timezone.localdate()).addresses


def test_silence_of_the_dns_suspends_nobody(names: DnsServer, cast: Cast) -> None:
    grant, _ = approved_on_an_old_proof(cast, names, WATCHING)
    names.servfail("_dmarc.watching.example")
    services.review_old_proofs()
    assert Grant.objects.get(pk=grant.pk).state == GrantState.ACTIVE
    names.heal("_dmarc.watching.example")
    services.review_old_proofs()
    assert Grant.objects.get(pk=grant.pk).state == GrantState.SUSPENDED
    assert services.review_old_proofs() == 0
