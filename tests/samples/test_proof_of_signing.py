"""Every relay permission proves that its mail is signed: what counts, what does not, and where it shows (OVR-4)."""

import importlib
import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction, GrantState
from portal.samples import services as samples
from portal.samples.models import ProbeToken, SignedSample, SigningProof
from portal.samples.probe import probe_address
from portal.samples.selectors import live_request, overdue_proof, proof_panel
from portal.samples.tasks import judge_sample
from portal.workflow.kinds import Terms
from portal.workflow.models import Attachment
from tests.cast import SENDER, Cast, approve, approved, client_of, make_cast, relay_draft, submitted
from tests.engine.test_query_counts import queries
from tests.engine.test_races import at_once
from tests.incidents.test_finding import many
from tests.mailauth.signing import rsa_key, sign
from tests.support.dns_server import DnsServer
from tests.support.pages import flat

pytestmark = pytest.mark.django_db
OUR_KEY = "out._domainkey.ttu.edu"


@pytest.fixture(autouse=True)
def our_key(names: DnsServer) -> DnsServer:
    """The key of our outbound mail hosts is published."""
    names.txt(OUR_KEY, rsa_key().record)
    names.txt("out._domainkey.crm.ttu.edu", rsa_key().record)
    return names


@pytest.fixture
def grant(cast: Cast, names: DnsServer) -> Grant:
    return approved(cast)


def raw_message(
    to: str, *, sender: str = SENDER, extra: str = "", words: str = "Page 1", date: str = ""
) -> bytes:
    day = date or timezone.now().strftime("%a, %d %b %Y %H:%M:%S +0000")
    return (
        f"From: Copier <{sender}>\r\nTo: {to}\r\n{extra}Subject: Scan\r\nDate: {day}\r\n"
        f"Message-ID: <1@ttu.edu>\r\n\r\n{words}\r\n"
    ).encode()


def signed(to: str, *, domain: str = "ttu.edu", headers: tuple[str, ...] = (), **facts: Any) -> bytes:
    return sign(
        raw_message(to, **facts),
        domain=domain,
        selector="out",
        headers=headers or ("from", "to", "subject", "date", "message-id"),
    )


def arrive(grant: Grant, raw: bytes) -> SignedSample:
    """A message that came to the probe address of the grant's newest request, judged."""
    sample = samples.receive_sample(
        service_request=grant.latest_request, raw=raw, source=SignedSample.Source.PROBE, came_from="127.0.0.1"
    )
    return samples.judge_sample(sample=sample)


def page_of(cast: Cast, grant: Grant) -> str:
    return flat(client_of(cast.requester).get(grant.get_absolute_url()).content)


# ---------------------------------------------------------------- what proves it
def test_a_permission_is_in_force_at_once_and_one_message_proves_its_signing(
    cast: Cast, grant: Grant
) -> None:
    assert (grant.state, grant.is_in_force_today) == (GrantState.ACTIVE, True)
    page = page_of(cast, grant)
    assert "Prove that its mail is signed" in page
    assert probe_address(grant.latest_request) in page
    assert "smtp.ttu.edu" in page
    sample = arrive(grant, signed(probe_address(grant.latest_request)))
    assert sample.is_proof, sample.reason
    proof = SigningProof.objects.get()
    assert (proof.grant, proof.from_address, proof.is_current) == (grant, SENDER, True)
    page = page_of(cast, grant)
    day = timezone.localdate()
    assert f"{day:%b} {day.day}, {day.year}" in page
    assert "Proven signed on" in page
    assert "a message to the probe address showed that its mail is signed" in page
    assert "It does not show which machine sent it." in page


def test_a_copied_recipient_and_capitals_count_as_well(grant: Grant) -> None:
    probe = probe_address(grant.latest_request)
    raw = signed(
        "someone@ttu.edu",
        extra=f"Cc: Probe <{probe.upper()}>\r\n",
        sender=SENDER.upper(),
        headers=("from", "to", "cc", "subject", "date"),
    )
    assert arrive(grant, raw).is_proof


# ---------------------------------------------------------------- what does not
def adversaries(probe: str) -> list[tuple[bytes, str]]:
    """(a message, what is said of it)."""
    good = signed(probe)
    old = signed("someone@ttu.edu")
    return [
        (
            signed(probe, sender="alerts@ttu.edu"),
            "It is from alerts@ttu.edu, and this permission may send as noreply-lab@ttu.edu",
        ),
        (
            signed(probe, extra="X-TechMail-Grant: TM-R-1001\r\n", domain="crm.ttu.edu"),
            "It is signed by crm.ttu.edu",
        ),
        (signed(probe, sender=f"{SENDER}>, President <president@ttu.edu"), "names more than one address"),
        (raw_message(probe), "no DKIM signature"),
        (
            raw_message(
                probe,
                extra="X-TechMail-Grant: TM-R-1001\r\nReceived: from copier-7 ([129.118.10.20]) by smtp.ttu.edu\r\n",
            ),
            "no DKIM signature",
        ),
        (good.replace(b"Page 1", b"Page 2"), "does not verify"),
        (old, "does not cover one To or Cc field that names the probe address"),
        (f"To: {probe}\r\n".encode() + old, "does not cover one To or Cc field"),
        (f"Cc: {probe}\r\n".encode() + old, "does not cover one To or Cc field"),
        (f"To: {probe}\r\n".encode() + good, "does not cover one To or Cc field"),
        (f"From: {SENDER}\r\n".encode() + good, "2 From fields"),
        (signed(probe, headers=("from", "subject", "date")), "does not cover one To or Cc field"),
        (signed(f"x{probe}"), "does not cover one To or Cc field"),
        (signed(f"{probe}.evil.example"), "does not cover one To or Cc field"),
        (signed(probe, sender="someone@elsewhere.example"), "elsewhere.example is not asked for here"),
        (b"just words\r\n", "no email message"),
    ]


@pytest.mark.parametrize("number", range(16))
def test_what_an_adversary_sends_proves_nothing_and_says_why(cast: Cast, grant: Grant, number: int) -> None:
    raw, words = adversaries(probe_address(grant.latest_request))[number]
    sample = arrive(grant, raw)
    assert not sample.is_proof
    assert sample.outcome == "fail"
    assert words in sample.reason
    assert not SigningProof.objects.exists()
    page = page_of(cast, grant)
    assert "does not show it" in page
    Grant.objects.get(pk=grant.pk, state=GrantState.ACTIVE)  # it bars nothing


def test_a_message_made_for_another_permission_proves_nothing_here(cast: Cast, grant: Grant) -> None:
    other = approved(cast, address="129.118.10.41", host="web-3.ttu.edu", sender=SENDER)
    raw = signed(probe_address(grant.latest_request))
    assert not arrive(other, raw).is_proof
    assert arrive(grant, raw).is_proof
    assert SigningProof.objects.get().grant == grant


def test_an_old_message_sent_again_proves_nothing(grant: Grant) -> None:
    probe = probe_address(grant.latest_request)
    with time_machine.travel(timezone.now() - timedelta(days=3)):
        old = signed(probe)
    sample = arrive(grant, old)
    assert not sample.is_proof
    assert "it may be an old message sent again" in sample.reason
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        early = signed(probe, words="Tomorrow")
    assert not arrive(grant, early).is_proof


def test_an_uploaded_message_is_refused_and_a_file_of_the_request_is_no_sample(
    cast: Cast, grant: Grant
) -> None:
    raw = signed(probe_address(grant.latest_request))
    url = f"/requests/{grant.reference}/samples/"
    upload = SimpleUploadedFile("proof.eml", raw, content_type="message/rfc822")
    client = client_of(cast.requester)
    assert 'type="file"' not in client.get(url).content.decode()
    assert client.post(url, {"upload": upload}).status_code == 409
    Attachment.objects.create(
        service_request=grant.request,
        uploaded_by=cast.requester,
        name="proof.eml",
        size=len(raw),
        sha256="0" * 64,
        content_type="message/rfc822",
        file=SimpleUploadedFile("proof.eml", raw),
    )
    samples.adopt_attachments(service_request=grant.request)
    assert not SignedSample.objects.exists()
    sample = samples.receive_sample(service_request=grant.request, raw=raw, source=SignedSample.Source.UPLOAD)
    assert "It was uploaded." in samples.judge_sample(sample=sample).reason
    assert not SigningProof.objects.exists()


def test_no_answer_of_the_dns_is_neither_proof_nor_trouble_for_good(grant: Grant, names: DnsServer) -> None:
    names.remove(OUR_KEY, "TXT")
    names.servfail(OUR_KEY)
    sample = arrive(grant, signed(probe_address(grant.latest_request)))
    assert (sample.outcome, sample.is_proof) == ("unknown", False)


# ---------------------------------------------------------------- what becomes of a proof
def test_an_old_proof_stays_and_a_later_failure_is_a_warning_beside_it(cast: Cast, grant: Grant) -> None:
    probe = probe_address(grant.latest_request)
    with time_machine.travel(timezone.now() - timedelta(days=40)):
        Grant.objects.filter(pk=grant.pk).update(created_at=timezone.now())
        arrive(grant, signed(probe))
    proven_at = SigningProof.objects.get().proven_at
    arrive(grant, raw_message(probe))
    page = page_of(cast, grant)
    assert "Proven signed on" in page
    assert "A later message" in page
    assert "no DKIM signature" in page
    assert SigningProof.objects.get().proven_at == proven_at
    arrive(grant, signed(probe, words="All well again"))
    page = page_of(cast, grant)
    assert "A later message" not in page
    assert SigningProof.objects.get().proven_at > proven_at


def test_a_signature_that_leaves_the_body_open_is_no_proof(grant: Grant) -> None:
    probe = probe_address(grant.latest_request)
    raw = sign(raw_message(probe), selector="out", headers=("from", "to", "date"), length=True)
    assert not arrive(grant, raw + b"P.S. Send money.\r\n").is_proof


def test_a_proof_that_is_none_by_todays_rules_is_taken_back(cast: Cast, grant: Grant) -> None:
    sample = arrive(grant, signed(probe_address(grant.latest_request)))
    assert grant.kind_entry.on_disproved(sample=sample, grant=grant)  # type: ignore[attr-defined]
    assert not SigningProof.objects.exists()
    assert "Prove that its mail is signed" in page_of(cast, grant)


def test_judging_an_old_failure_again_never_takes_the_proof_back(grant: Grant, names: DnsServer) -> None:
    sample = arrive(grant, signed(probe_address(grant.latest_request)))
    names.remove(OUR_KEY, "TXT")  # our hosts sign with another key by now
    assert samples.is_settled(sample)
    samples.judge_sample(sample=sample)
    assert SigningProof.objects.get().is_current


def test_a_change_that_takes_the_proven_sender_away_asks_for_a_new_proof(cast: Cast, grant: Grant) -> None:
    arrive(grant, signed(probe_address(grant.latest_request)))
    draft = relay_draft(cast, sender="alerts@ttu.edu")
    terms = Terms(timezone.localdate(), grant.ends_on)
    grant.kind_entry.write_permission(grant=grant, service_request=draft, terms=terms)
    proof = SigningProof.objects.get()
    assert not proof.is_current
    page = page_of(cast, grant)
    assert "A new proof is needed" in page
    assert "which it may no longer use" in page
    probe = probe_address(grant.latest_request)
    assert not arrive(grant, signed(probe, words="As before")).is_proof
    assert arrive(grant, signed(probe, sender="alerts@ttu.edu")).is_proof
    assert SigningProof.objects.get().is_current
    # One that stays permitted stays proven.
    grant.kind_entry.write_permission(grant=grant, service_request=draft, terms=terms)
    assert SigningProof.objects.get().is_current


def test_a_change_while_the_message_is_judged_is_noticed(cast: Cast, grant: Grant) -> None:
    sample = samples.receive_sample(
        service_request=grant.request,
        raw=signed(probe_address(grant.request)),
        source=SignedSample.Source.PROBE,
    )
    wanted = grant.kind_entry.wanted(grant.request, grant)  # type: ignore[attr-defined]
    samples.judge_sample(sample=sample)
    SigningProof.objects.all().delete()
    grant.relay.senders.update(address="alerts@ttu.edu")
    grant.kind_entry.on_judged(sample=sample, grant=grant, wanted=wanted)  # type: ignore[attr-defined]
    assert not SigningProof.objects.exists()


def test_a_resumed_permission_is_active_with_or_without_proof(cast: Cast, grant: Grant) -> None:
    for action in (GrantAction.SUSPEND, GrantAction.RESUME):
        managing.change_state(
            grant=Grant.objects.get(pk=grant.pk), action=action, actor=cast.reviewer, reason="x"
        )
    assert Grant.objects.get(pk=grant.pk).state == GrantState.ACTIVE


# ---------------------------------------------------------------- probe addresses
def test_the_address_takes_mail_from_the_approval_until_the_end(cast: Cast) -> None:
    request = submitted(cast)
    assert live_request(request.probe_token.token) is None
    grant = approve(cast, request)
    assert live_request(request.probe_token.token) == request
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="x")
    assert live_request(request.probe_token.token) is None
    assert proof_panel(Grant.objects.get(pk=grant.pk)) is None


def test_a_look_at_the_page_of_an_old_permission_makes_no_address(cast: Cast, grant: Grant) -> None:
    ProbeToken.objects.all().delete()
    page = page_of(cast, grant)
    assert "Its probe address is made within a day" in page
    assert client_of(cast.requester).get(f"/requests/{grant.reference}/samples/").status_code == 200
    assert not ProbeToken.objects.exists()


def test_the_migration_gives_old_requests_their_address_once(cast: Cast, grant: Grant) -> None:
    draft, closed = relay_draft(cast, host="a.ttu.edu"), relay_draft(cast, host="b.ttu.edu")
    type(closed).objects.filter(pk=closed.pk).update(state="withdrawn")
    ProbeToken.objects.all().delete()
    migration = importlib.import_module("portal.samples.migrations.0002_proof_of_signing")
    migration.give_tokens(apps, None)
    tokens = dict(ProbeToken.objects.values_list("service_request_id", "token"))
    assert set(tokens) == {grant.request_id, draft.pk}
    migration.give_tokens(apps, None)
    assert dict(ProbeToken.objects.values_list("service_request_id", "token")) == tokens


@pytest.mark.django_db(transaction=True)
def test_through_the_receiver_to_the_page(cast: Cast, running: Controller, judged: list[int]) -> None:
    grant = approved(cast)
    probe = probe_address(grant.request)
    with smtplib.SMTP("127.0.0.1", running.port, timeout=60) as client:
        assert client.sendmail(SENDER, [probe], signed(probe)) == {}
    judge_sample(judged[0])
    assert "Proven signed on" in page_of(cast, grant)
    shown = client_of(cast.requester).get(f"/requests/{grant.reference}/samples/").content.decode()
    assert "Proven signed on" in shown
    assert "was made for this probe address" in shown


# ---------------------------------------------------------------- where it shows
def test_unproven_after_fourteen_days_shows_in_the_lists_and_a_proof_takes_it_off(cast: Cast) -> None:
    with time_machine.travel(datetime(2026, 3, 2, 18, tzinfo=UTC)):
        grant = approved(cast)
    reviewer, owner = client_of(cast.reviewer), client_of(cast.requester)

    def listed() -> tuple[bool, bool]:
        return (
            grant.reference in reviewer.get("/enforcement/unproven/").content.decode(),
            "Signing not proven" in owner.get("/permissions/mine/").content.decode(),
        )

    with time_machine.travel(datetime(2026, 3, 15, 18, tzinfo=UTC)):
        assert listed() == (False, False)
        assert grant.reference in reviewer.get("/enforcement/unproven/?all=1").content.decode()
    with time_machine.travel(datetime(2026, 3, 16, 18, tzinfo=UTC)):
        assert listed() == (True, True)
        assert "Not proven signed" in page_of(cast, grant)
        assert grant.reference not in reviewer.get("/enforcement/unproven/?kind=senders").content.decode()
        assert reviewer.get("/enforcement/unproven/?kind=%00x&page=99999999999&all=7").status_code in (
            200,
            400,
        )
        arrive(grant, raw_message(probe_address(grant.request)))
        assert "no DKIM signature" in reviewer.get("/enforcement/unproven/").content.decode()
        arrive(grant, signed(probe_address(grant.request)))
        assert listed() == (False, False)
    assert not overdue_proof(grant.ends_on + timedelta(days=1)).exists()


def test_the_list_costs_the_same_at_two_sizes(cast: Cast) -> None:
    many(cast, 2)
    Grant.objects.update(
        created_at=timezone.now() - timedelta(days=30), starts_on=timezone.localdate() - timedelta(days=30)
    )
    few = queries(client_of(cast.reviewer), "/enforcement/unproven/")
    many(cast, 60)
    Grant.objects.update(
        created_at=timezone.now() - timedelta(days=30), starts_on=timezone.localdate() - timedelta(days=30)
    )
    assert queries(client_of(cast.reviewer), "/enforcement/unproven/") == few
    assert "Page 1 of 2" in client_of(cast.reviewer).get("/enforcement/unproven/").content.decode()


# ---------------------------------------------------------------- at the same moment
@pytest.mark.django_db(transaction=True)
def test_two_messages_at_once_leave_one_proof(
    postgres: None, transactional_db: None, our_key: DnsServer
) -> None:
    grant = approved(make_cast())
    probe = probe_address(grant.request)
    made = [
        samples.receive_sample(
            service_request=grant.request, raw=signed(probe, words=words), source=SignedSample.Source.PROBE
        )
        for words in ("One", "Two")
    ]
    results = at_once(*(lambda one=one: samples.judge_sample(sample=one) for one in made))
    assert all(isinstance(one, SignedSample) and one.is_proof for one in results), results
    assert SigningProof.objects.get().proven_at == max(one.received_at for one in made)
    assert grant.events.filter(action="signed").count() == 1
