"""A signature that leaves the body or its key open brings no authorization into force, and keeps none there."""

from typing import Any

import pytest

from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.lib.outcome import Outcome
from portal.outbox.models import Notification
from portal.samples import services
from portal.samples.models import SignedSample
from senders.exports import DnsRecords
from tests.cast import Cast, client_of, fresh
from tests.mailauth.signing import rsa_key, sign
from tests.senders.cast import DOMAIN, active, add_sample, signed, submitted, waiting
from tests.senders.conftest import names, published
from tests.support.dns_server import DnsServer

__all__ = ["names", "published"]
pytestmark = pytest.mark.django_db(transaction=True)
PHISHING = b"Sign in at https://evil.example/ to keep your mailbox.\r\n"


def now(grant: Grant) -> Grant:
    return Grant.objects.get(pk=grant.pk)


def exported(grant: Grant) -> set[str]:
    export = DnsRecords().render(day=grant.starts_on, install_path="/x")
    return {entry.value for entry in export.entries if entry.grant == grant.reference}


def taken_for_a_proof_by_older_rules(grant: Grant, raw: bytes) -> SignedSample:
    """The grant in force by a message as an earlier version of the portal judged it: any valid signature counted."""
    sample = add_sample(grant.request, raw)
    evidence = {name: value for name, value in sample.evidence.items() if name not in ("rules", "warnings")}
    for one in evidence["signatures"]:
        del one["proves"], one["limit"]
    SignedSample.objects.filter(pk=sample.pk).update(
        is_proof=True, outcome="pass", reason="It passes.", evidence=evidence
    )
    grant.senders.proven_by = sample
    grant.senders.save()
    Grant.objects.filter(pk=grant.pk).update(state=GrantState.ACTIVE)
    return sample


@pytest.mark.parametrize(
    ("more", "facts", "words"),
    [
        (PHISHING, {"length": True}, "it signs the first 7 of 63 octets of the body"),
        (b"", {"length": True, "words": ""}, "it signs nothing of the body (l=0)"),
        (b"", {"selector": "testing"}, "t=y (testing)"),
        (b"", {"more": [("x", "1000000000")]}, "expired on 09 September 2001"),
        (b"", {"algorithm": "rsa-sha1"}, "rsa-sha1"),
    ],
)
def test_what_proves_nothing_brings_nothing_into_force(
    published: DnsServer, cast: Cast, more: bytes, facts: dict[str, Any], words: str
) -> None:
    grant = waiting(cast)
    sample = add_sample(grant.request, signed(**facts) + more)
    assert (sample.is_proof, sample.outcome, now(grant).state) == (False, "fail", GrantState.UNPROVEN)
    assert words in sample.reason
    assert exported(grant) == set()
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "does not prove it" in page


def test_the_signature_of_the_approved_domain_itself_must_prove_it(published: DnsServer, cast: Cast) -> None:
    """An aligned signature of another signer makes DMARC pass; the approved one has a length."""
    published.remove("_dmarc.crm.ttu.edu", "TXT")
    published.txt("_dmarc.crm.ttu.edu", "v=DMARC1; p=reject")
    published.txt(f"s1._domainkey.mail.{DOMAIN}", rsa_key().record)
    grant = waiting(cast)
    text = signed(length=True) + PHISHING
    sample = add_sample(
        grant.request, sign(text, domain=f"mail.{DOMAIN}", headers=("from", "from", "subject"))
    )
    assert (sample.is_proof, now(grant).state) == (False, GrantState.UNPROVEN)
    assert f"The signature of {DOMAIN} is valid and proves nothing" in sample.reason


def test_the_finding_says_what_is_open_in_its_own_sentence(published: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    add_sample(request, signed(length=True))
    services.refresh_evidence(service_request=request)
    found = fresh(request).check_runs.latest("id").findings.get(rule="sample")
    assert found.outcome == Outcome.WARN
    assert found.sentence.startswith("The newest sample proves it: ")
    assert "anybody can append text to a copy" in found.sentence
    add_sample(request, signed(headers=("from", "subject")))
    services.refresh_evidence(service_request=request)
    found = fresh(request).check_runs.latest("id").findings.get(rule="sample")
    assert "anybody can add a second From to a copy" in found.sentence


def test_a_proof_that_older_rules_took_waits_again_and_is_exported_no_more(
    published: DnsServer, cast: Cast
) -> None:
    grant = waiting(cast)
    sample = taken_for_a_proof_by_older_rules(grant, signed(length=True) + PHISHING)
    assert exported(now(grant)) != set()
    Notification.objects.all().delete()
    assert services.review_old_proofs() == 1
    held = now(grant)
    assert (held.state, held.senders.proven_by_id) == (GrantState.UNPROVEN, None)
    assert (
        "It was taken for a proof, and proves nothing: it signs the first 7 of 63 octets" in held.state_reason
    )
    assert exported(held) == set()
    sample.refresh_from_db()
    assert (sample.is_proof, sample.outcome) == (False, "fail")
    assert {email.recipient for email in Notification.objects.all()} == {cast.requester.email}
    assert services.review_old_proofs() == 0
    add_sample(grant.request, signed())
    assert now(grant).state == GrantState.ACTIVE


def test_another_sample_that_proves_it_takes_its_place(published: DnsServer, cast: Cast) -> None:
    grant = active(cast)
    good = SignedSample.objects.get()
    taken_for_a_proof_by_older_rules(grant, signed(length=True) + PHISHING)
    services.review_old_proofs()
    assert (now(grant).state, now(grant).senders.proven_by_id) == (GrantState.ACTIVE, good.pk)


def test_an_old_proof_by_a_key_in_test_mode_is_known_by_what_was_seen_then(
    published: DnsServer, cast: Cast
) -> None:
    grant = waiting(cast)
    taken_for_a_proof_by_older_rules(grant, signed(selector="testing"))
    published.remove("testing._domainkey.crm.ttu.edu", "TXT")
    services.review_old_proofs()
    assert now(grant).state == GrantState.UNPROVEN


def test_a_good_old_proof_stays_though_its_key_is_gone(published: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    sample = taken_for_a_proof_by_older_rules(grant, signed())
    published.remove("s1.dkim.crmvendor.example", "TXT")
    assert services.review_old_proofs() == 1
    sample.refresh_from_db()
    assert (sample.is_proof, now(grant).state) == (True, GrantState.ACTIVE)
