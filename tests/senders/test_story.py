"""From the request to an authorization that proves itself, or never does and says why."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.lib.outcome import Outcome
from portal.outbox.models import Notification
from portal.samples import services as samples
from portal.samples.models import ProbeToken, SignedSample
from portal.samples.probe import probe_address
from portal.workflow import guide_tree
from portal.workflow.guide import Answer, Question
from portal.workflow.kinds import Terms
from portal.workflow.models import Intention
from portal.workflow.services import answering, attaching, requesting, reviewing
from senders import services
from senders.proving import recheck_unproven
from senders.tasks import prove_grant
from tests.cast import Cast, approve, client_of, fresh
from tests.senders.cast import ADDRESS, add_sample, sender_draft, signed, submitted, waiting
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db


def test_filed_approved_held_and_active_once_the_signature_is_seen(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    assert (request.stage, request.blocking_findings) == ("review", 0)
    grant = approve(cast, request)
    assert (grant.state, grant.reference[:5]) == (GrantState.UNPROVEN, "TM-I-")
    assert not grant.is_in_force_today
    assert "No message of the service was seen yet" in grant.kind_entry.state_note(grant)

    sample = add_sample(request, signed())  # the DNS team has not published the key yet
    grant.refresh_from_db()
    assert (sample.outcome, grant.state) == ("fail", GrantState.UNPROVEN)

    publish(names)
    assert recheck_unproven() == 1
    grant.refresh_from_db()
    sample.refresh_from_db()
    assert (grant.state, sample.outcome) == (GrantState.ACTIVE, "pass")
    assert grant.is_in_force_today
    assert grant.senders.proven_by == sample
    assert grant.events.last().action == "prove"
    assert Notification.objects.filter(
        unique_key__startswith="grant_changed:", recipient=cast.requester.email
    ).exists()
    assert recheck_unproven() == 0


def test_a_vendor_that_signs_only_as_itself_never_becomes_active(published: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    sample = add_sample(grant.request, signed(domain="crmvendor.example", selector="own"))
    assert recheck_unproven() == 0
    grant.refresh_from_db()
    assert grant.state == GrantState.UNPROVEN
    assert sample.outcome == "fail"
    assert "signed by crmvendor.example, which is not aligned" in sample.reason
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "signed by crmvendor.example, which is not aligned" in page
    assert "It comes into force by itself once" in page
    assert "Samples and DNS records" in page


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (lambda: signed() + b"P.S. Send money.\r\n", "does not verify"),
        (lambda: signed(sender="news@other.ttu.edu"), "other.ttu.edu is not asked for"),
        (lambda: b"From: news@crm.ttu.edu\r\nSubject: x\r\n\r\nHi\r\n", "no DKIM signature"),
        (lambda: b"just words\r\n", "no email message"),
    ],
)
def test_what_proves_nothing_says_why(published: DnsServer, cast: Cast, raw: Any, words: str) -> None:
    grant = waiting(cast)
    sample = add_sample(grant.request, raw())
    assert sample.outcome == "fail"
    assert words in sample.reason
    grant.refresh_from_db()
    assert grant.state == GrantState.UNPROVEN


def test_an_aligned_signature_of_another_name_than_the_approved_one_is_no_proof(
    published: DnsServer, cast: Cast
) -> None:
    published.add("s1._domainkey.ttu.edu", "CNAME", "s1.dkim.crmvendor.example.")
    published.add("s1._domainkey.mail.ttu.edu", "CNAME", "s1.dkim.crmvendor.example.")
    grant = approve_as_mail_domain(cast)
    sample = add_sample(grant.request, signed(sender="alumni@ttu.edu", domain="mail.ttu.edu"))
    assert sample.outcome == "fail"
    assert sample.reason == "It is signed by mail.ttu.edu, and approved is ttu.edu."
    assert add_sample(grant.request, signed(sender="alumni@ttu.edu", domain="ttu.edu")).is_proof


def approve_as_mail_domain(cast: Cast) -> Grant:
    request = submitted(
        cast,
        addresses=("alumni@ttu.edu",),
        identity="mail_domain",
        sending_domain="ttu.edu",
        signing_domain="ttu.edu",
        identity_reason="Alumni know this address.",
    )
    assert request.stage == "postmaster"
    reviewing.advance(
        service_request=request, actor=cast.postmaster, revision=request.revision, comment="Seen."
    )
    return approve(cast, fresh(request))


def test_no_answer_of_the_dns_is_unknown_and_judged_again(published: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    published.servfail("s1._domainkey.crm.ttu.edu")
    assert add_sample(grant.request, signed()).outcome == "unknown"
    published.heal("s1._domainkey.crm.ttu.edu")
    call_command("prove_senders")
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE


def test_an_attached_message_counts_as_soon_as_the_request_is_approved(
    published: DnsServer,
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    draft = sender_draft(cast)
    upload = SimpleUploadedFile("sample.eml", signed(), "message/rfc822")
    attaching.attach(service_request=draft, actor=cast.requester, upload=upload)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    sample = SignedSample.objects.get()
    assert (sample.is_proof, sample.came_from, sample.name) == (True, "requester@ttu.edu", "sample.eml")
    run = fresh(draft).check_runs.latest("id")
    assert run.findings.get(rule="sample").outcome == "pass"
    with django_capture_on_commit_callbacks() as after:
        grant = approve(cast, fresh(draft))
    assert grant.state == GrantState.UNPROVEN
    asked: list[tuple[int]] = []
    monkeypatch.setattr(prove_grant, "apply_async", lambda args, retry: asked.append(args))
    for call in after:
        call()
    assert asked == [(grant.pk,)]
    prove_grant(grant.pk)
    assert Grant.objects.get().state == GrantState.ACTIVE
    assert recheck_unproven() == 0


def test_the_grant_ends_with_the_contract_and_never_after_the_longest_term(
    names: DnsServer, cast: Cast
) -> None:
    today = timezone.localdate()
    near = sender_draft(cast, contract_ends_on=today + timedelta(days=90))
    far = sender_draft(cast, contract_ends_on=today + timedelta(days=4000))
    kind = near.kind_entry
    assert kind.default_terms(near, today).ends_on == today + timedelta(days=90)
    assert 1090 <= (kind.default_terms(far, today).ends_on - today).days <= 1097


def test_a_suspension_does_not_stand_in_for_the_proof(names: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    managing.change_state(grant=grant, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="Abuse.")
    managing.change_state(grant=grant, action=GrantAction.RESUME, actor=cast.reviewer, reason="Settled.")
    assert grant.state == GrantState.UNPROVEN


def test_a_change_of_what_was_proved_needs_a_new_proof(published: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    add_sample(grant.request, signed())
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    assert services.plan_of(draft) == services.authorized_plan(grant)
    answering.write_answers(
        service_request=draft,
        answers={
            "sending_domain": "lab.ttu.edu",
            "signing_domain": "lab.ttu.edu",
            "addresses": ["news@lab.ttu.edu"],
        },
    )
    today = timezone.localdate()
    issuing.issue(
        service_request=fresh(draft), actor=cast.reviewer, terms=Terms(today, today + timedelta(days=100))
    )
    grant = Grant.objects.get(pk=grant.pk)
    assert (grant.state, grant.senders.proven_by) == (GrantState.UNPROVEN, None)


def test_each_request_has_a_token_of_its_own(cast: Cast) -> None:
    first, second = sender_draft(cast), sender_draft(cast)
    assert probe_address(first) == probe_address(first) != probe_address(second)
    tokens = set(ProbeToken.objects.values_list("token", flat=True))
    assert len(tokens) == 2
    assert all(len(token) == 20 for token in tokens)


def test_the_guide_leads_to_the_form_or_says_that_none_is_needed(db: None) -> None:
    tree = guide_tree.nodes()
    first = tree["senders"]
    assert isinstance(first, Question)
    ends = [tree[option.leads_to] for option in first.options]
    assert [end.kind for end in ends if isinstance(end, Answer)] == ["", "senders", "senders"]


def test_one_broken_sample_stops_no_other(
    published: DnsServer, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = waiting(cast), waiting(cast, keys=("s2 s1.dkim.crmvendor.example",))
    for grant in (first, second):
        samples.receive_sample(service_request=grant.request, raw=signed(), source=SignedSample.Source.PROBE)
    judge = samples._verdict

    def fail_once(sample: SignedSample, plan: Any) -> Any:
        if sample.service_request_id == first.request_id:
            raise RuntimeError("disk on fire")
        return judge(sample, plan)

    monkeypatch.setattr(samples, "_verdict", fail_once)
    recheck_unproven()
    states = {grant.pk: Grant.objects.get(pk=grant.pk).state for grant in (first, second)}
    assert states == {first.pk: GrantState.UNPROVEN, second.pk: GrantState.ACTIVE}
    assert ADDRESS in services.authorized_plan(second).addresses
    assert SignedSample.objects.get(service_request=second.request).outcome == Outcome.PASS
