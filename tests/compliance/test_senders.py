"""A vendor whose records change under an authorization in force: told once, suspended after the grace, mended."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.name
import pytest
import time_machine
from django.utils import timezone

from portal.grants.models import Grant, RecheckRun
from portal.grants.services import rechecking
from portal.grants.states import GrantState
from portal.outbox.models import Notification
from portal.workflow.evidence import evidence_of
from portal.workflow.selectors import timeline
from tests.cast import Cast, client_of
from tests.mailauth.signing import rsa_key
from tests.senders.cast import DOMAIN, KEY, active, add_sample, signed
from tests.senders.conftest import names, published
from tests.support.dns_server import DnsServer

__all__ = ["names", "published"]
pytestmark = pytest.mark.django_db(transaction=True)
NAME = f"s1._domainkey.{DOMAIN}"
SECOND = f"s2._domainkey.{DOMAIN}"
TARGET = "s1.dkim.crmvendor.example"
NOON = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def day(number: int, clock: time_machine.Traveller) -> RecheckRun:
    """What the daily job does `number` days after the approval."""
    clock.move_to(NOON + timedelta(days=number))
    return rechecking.recheck_grants(today=timezone.localdate())


def now(grant: Grant) -> Grant:
    return Grant.objects.select_related("compliance").get(pk=grant.pk)


def records(grant: Grant, cast: Cast) -> list[tuple[str, str]]:
    """What the key was found to be, then and now, as the request's page has it."""
    request = grant.latest_request
    moments = evidence_of(request, timeline(request, cast.reviewer)).moments
    return [(moment.label, moment.by_rule["dkim:s1"].outcome) for moment in moments]


def drift_emails() -> list[Notification]:
    return list(Notification.objects.filter(subject__contains="Out of compliance"))


def remove_alias(names: DnsServer) -> None:
    names.remove(NAME, "CNAME")


def revoke_key(names: DnsServer) -> None:
    names.remove(TARGET, "TXT")
    names.txt(TARGET, "v=DKIM1; k=rsa; p=")


def lead_elsewhere(names: DnsServer) -> None:
    names.remove(NAME, "CNAME")
    names.add(NAME, "CNAME", "own._domainkey.crmvendor.example.")


def publish_a_key_beside(names: DnsServer) -> None:
    names.remove(NAME, "CNAME")
    names.txt(NAME, rsa_key(1024).record)


def revoke_at_the_name(names: DnsServer) -> None:
    names.remove(NAME, "CNAME")
    names.txt(NAME, "v=DKIM1; k=rsa; p=")


def mend(names: DnsServer) -> None:
    names.remove(NAME, "CNAME")
    names.remove(NAME, "TXT")
    names.remove(TARGET, "TXT")
    names.add(NAME, "CNAME", f"{TARGET}.")
    names.txt(TARGET, rsa_key().record)


def test_an_authorization_whose_records_stand_is_green(published: DnsServer, cast: Cast, clock: Any) -> None:
    grant = active(cast)
    run = day(1, clock)
    assert (run.total, run.broken, run.unknown) == (1, 0, 0)
    assert now(grant).compliance.standing == "green"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_alias, "is not published, and the service was approved with it"),
        (revoke_key, "revoked"),
        (lead_elsewhere, f"leads to own._domainkey.crmvendor.example, and approved is {TARGET}"),
        (revoke_at_the_name, f"the key at {NAME} is revoked (p= is empty)"),
        (publish_a_key_beside, "leads to a key of its own"),
    ],
)
def test_a_changed_record_is_told_once_suspends_after_the_grace_and_mends_by_itself(
    published: DnsServer, cast: Cast, clock: Any, change: Any, words: str
) -> None:
    grant = active(cast)
    change(published)
    assert day(1, clock).broken == 1
    assert words in now(grant).compliance.broken_sentence
    assert {email.recipient for email in drift_emails()} == {cast.requester.email, "techmail@ttu.edu"}
    for number in (2, 7):
        day(number, clock)
    assert (now(grant).state, len(drift_emails())) == (GrantState.ACTIVE, 2)

    day(8, clock)
    assert (now(grant).state, now(grant).compliance.suspended_by_portal) == (GrantState.SUSPENDED, True)
    assert words in now(grant).state_reason

    moments = records(grant, cast)
    assert [label for label, _ in moments] == ["At submission", "At decision", "Now"]
    assert moments[-1][1] == "fail"  # what broke it stands beside the evidence of the decision

    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "What the DNS says now" in page
    assert f">{NAME}</span>" in page.partition("What the DNS says now")[2]

    mend(published)
    day(9, clock)
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "What the DNS says now" not in page
    day(10, clock)
    assert records(grant, cast)[-1] == ("Now", "pass")
    assert grant.latest_request.check_runs.count() == 4  # submission, decision, the break, the mending
    assert (now(grant).state, now(grant).compliance.standing) == (GrantState.ACTIVE, "green")
    assert now(grant).is_in_force_today
    assert [event.action for event in grant.events.all()][-3:] == ["suspend", "mended", "resume"]


def test_an_institution_may_leave_it_at_telling(
    published: DnsServer, cast: Cast, clock: Any, settings: Any
) -> None:
    settings.INSTITUTION = dataclasses.replace(settings.INSTITUTION, suspends_when_broken={"senders": False})
    grant = active(cast)
    remove_alias(published)
    day(1, clock)
    day(30, clock)
    assert (now(grant).state, now(grant).compliance.standing) == (GrantState.ACTIVE, "broken")


@pytest.mark.parametrize("knob", [DnsServer.servfail, DnsServer.refuse, DnsServer.drop])
def test_no_answer_never_counts_as_broken(published: DnsServer, cast: Cast, clock: Any, knob: Any) -> None:
    grant = active(cast)
    knob(published, NAME)
    for number in (1, 10, 30):
        assert (day(number, clock).unknown, now(grant).compliance.standing) == (1, "unknown")
    assert (now(grant).state, drift_emails()) == (GrantState.ACTIVE, [])


def test_a_vendors_new_key_behind_the_alias_is_its_own_affair(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    published.remove(TARGET, "TXT")
    published.txt(TARGET, rsa_key(4096).record)
    day(1, clock)
    assert now(grant).compliance.standing == "green"


# ---------------------------------------------------------------- several keys
def with_two_keys(cast: Cast, names: DnsServer) -> Grant:
    names.txt("s2.dkim.crmvendor.example", rsa_key().record)
    names.add(SECOND, "CNAME", "s2.dkim.crmvendor.example.")
    return active(cast, keys=(KEY, "s2 s2.dkim.crmvendor.example"))


def test_the_key_of_the_proof_is_missed_and_a_new_proof_settles_it(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = with_two_keys(cast, published)
    remove_alias(published)
    day(1, clock)
    assert "s1._domainkey" in now(grant).compliance.broken_sentence
    add_sample(grant.request, signed(selector="s2"))
    day(2, clock)
    assert now(grant).compliance.standing == "green"
    assert "s1._domainkey" in now(grant).compliance.advice


def test_a_second_key_that_is_gone_is_advice_and_one_that_leads_elsewhere_is_not(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = with_two_keys(cast, published)
    published.remove(SECOND, "CNAME")
    day(1, clock)
    assert (now(grant).compliance.standing, "s2._domainkey" in now(grant).compliance.advice) == (
        "green",
        True,
    )
    published.add(SECOND, "CNAME", "own._domainkey.crmvendor.example.")
    day(2, clock)
    assert "s2._domainkey" in now(grant).compliance.broken_sentence


def test_a_gone_key_beside_a_silent_one_is_unknown(published: DnsServer, cast: Cast, clock: Any) -> None:
    grant = with_two_keys(cast, published)
    add_sample(grant.request, signed(selector="s2"))
    remove_alias(published)
    published.servfail(SECOND)
    assert day(1, clock).unknown == 1
    assert now(grant).compliance.standing == "unknown"


def test_a_key_of_the_plan_is_that_key_and_no_other(published: DnsServer, cast: Cast, clock: Any) -> None:
    published.remove(NAME, "CNAME")
    published.txt(NAME, rsa_key().record.replace("; ", ";"))
    grant = active(cast, keys=(f"s1 {rsa_key().record}",))
    day(1, clock)
    assert now(grant).compliance.standing == "green"
    published.remove(NAME, "TXT")
    published.txt(NAME, rsa_key(4096).record)
    day(2, clock)
    assert "is not the one that was approved" in now(grant).compliance.broken_sentence
    published.remove(NAME, "TXT")
    published.txt(NAME, "v=DKIM1; k=rsa; p=")
    day(3, clock)
    assert f"the key at {NAME} is revoked (p= is empty)" in now(grant).compliance.broken_sentence


def test_an_envelope_domain_that_is_gone_is_broken_and_one_without_mail_is_advice(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    published.remove("bounce.crmvendor.example", "MX")
    day(1, clock)
    assert now(grant).compliance.standing == "green"
    assert "takes no mail" in now(grant).compliance.advice
    published.servfail("bounce.crmvendor.example")
    day(2, clock)
    assert now(grant).compliance.standing == "green"
    published.heal("bounce.crmvendor.example")
    published._names.discard(dns.name.from_text("bounce.crmvendor.example"))
    day(3, clock)
    assert "bounce.crmvendor.example does not exist in the DNS" in now(grant).compliance.broken_sentence


# ---------------------------------------------------------------- DMARC and SPF
def test_without_any_dmarc_record_nothing_can_pass(published: DnsServer, cast: Cast, clock: Any) -> None:
    grant = active(cast)
    published.remove(f"_dmarc.{DOMAIN}", "TXT")
    day(1, clock)
    assert now(grant).compliance.standing == "green"
    assert "passes as @crm.ttu.edu, @ttu.edu" in now(grant).compliance.advice  # the reach grew
    published.remove("_dmarc.ttu.edu", "TXT")
    day(2, clock)
    assert "no valid DMARC record" in now(grant).compliance.broken_sentence
    published.servfail(f"_dmarc.{DOMAIN}")
    day(3, clock)
    assert now(grant).compliance.standing == "broken"  # no answer mends nothing either
    assert [event.action for event in grant.events.all()][-1] == "drift"


def test_an_spf_record_that_grew_past_the_limit_is_broken_and_a_missing_term_is_advice(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    envelope, term = "bounce.crm.ttu.edu", "include:spf.crmvendor.example"
    grant = active(cast, envelope_domain=envelope, spf_term=term)
    day(1, clock)
    assert (now(grant).compliance.standing, "is not in the SPF record" in now(grant).compliance.advice) == (
        "green",
        True,
    )
    published.remove(envelope, "TXT")
    published.txt(envelope, f"v=spf1 {term} -all")
    day(2, clock)
    assert "SPF" not in now(grant).compliance.advice.replace("place in the SPF record", "")
    published.remove("spf.crmvendor.example", "TXT")
    published.txt("spf.crmvendor.example", f"v=spf1 {'a:ns.ttu.edu ' * 10}-all")
    day(3, clock)
    assert "needs 11 DNS lookups" in now(grant).compliance.broken_sentence
