"""A real name server loses a vendor's DMARC record and gets it back; days go by; people step in."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.grants.models import Compliance, Grant, RecheckRun
from portal.grants.services import managing, rechecking
from portal.grants.states import GrantAction
from portal.outbox.models import Notification
from tests.cast import HOST, SENDER, Cast, approved
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
RECORD = "_dmarc.vendor.example"
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


def actions(grant: Grant) -> list[str]:
    return [event.action for event in grant.events.all()][1:]  # the first is the issue


def drift_emails() -> list[Notification]:
    return list(Notification.objects.filter(subject__contains="Out of compliance"))


def test_a_grant_whose_facts_hold_is_green(grant: Grant, clock: Any) -> None:
    run = day(1, clock)
    compliance = now(grant).compliance
    assert (compliance.standing, compliance.checked_at) == ("green", NOON + timedelta(days=1))
    assert (run.total, run.done, run.broken, run.unknown) == (1, 1, 0, 0)
    assert run.finished_at is not None
    assert actions(grant) == []


def test_a_policy_of_none_is_not_asked_for_a_sample_every_day(
    grant: Grant, names: DnsServer, clock: Any
) -> None:
    names.remove(RECORD, "TXT")
    names.txt(RECORD, "v=DMARC1; p=none")
    day(1, clock)
    assert (now(grant).compliance.standing, now(grant).compliance.advice) == ("green", "")


def test_drift_is_told_once_then_suspends_after_the_grace_and_mends_by_itself(
    grant: Grant, cast: Cast, names: DnsServer, clock: Any
) -> None:
    names.remove(RECORD, "TXT")
    assert day(1, clock).broken == 1
    assert "vendor.example has no DMARC record" in now(grant).compliance.broken_sentence
    recipients = {email.recipient for email in drift_emails()}
    assert recipients == {cast.requester.email, "techmail@ttu.edu"}
    assert "suspended on Dec 2, 2026" in drift_emails()[0].text
    for number in (1, 2, 7):
        day(number, clock)
    assert now(grant).state == "active"
    assert (len(drift_emails()), actions(grant)) == (2, ["drift"])

    day(8, clock)
    day(9, clock)
    assert (now(grant).state, now(grant).compliance.suspended_by_portal) == ("suspended", True)
    assert "no DMARC record" in now(grant).state_reason
    assert actions(grant) == ["drift", "suspend"]

    names.txt(RECORD, "v=DMARC1; p=reject")
    day(10, clock)
    day(11, clock)
    assert (now(grant).state, now(grant).compliance.standing) == ("active", "green")
    assert actions(grant) == ["drift", "suspend", "mended", "resume"]
    assert now(grant).is_in_force_today


def test_a_second_break_is_told_again(grant: Grant, names: DnsServer, clock: Any) -> None:
    names.remove(RECORD, "TXT")
    day(1, clock)
    names.txt(RECORD, "v=DMARC1; p=reject")
    day(2, clock)
    names.remove(RECORD, "TXT")
    day(3, clock)
    assert actions(grant) == ["drift", "mended", "drift"]
    assert len(drift_emails()) == 4
    day(9, clock)
    assert now(grant).state == "active"  # the grace counts from the second email


def test_no_answer_never_suspends(grant: Grant, names: DnsServer, clock: Any) -> None:
    names.servfail(RECORD)
    for number in (1, 10, 30):
        assert day(number, clock).unknown == 1
    assert (now(grant).state, now(grant).compliance.standing) == ("active", "unknown")
    assert (actions(grant), drift_emails()) == ([], [])


def test_no_answer_on_the_day_of_the_suspension_waits(grant: Grant, names: DnsServer, clock: Any) -> None:
    names.remove(RECORD, "TXT")
    day(1, clock)
    names.servfail(RECORD)
    day(20, clock)
    assert now(grant).state == "active"
    assert now(grant).compliance.standing == "broken"
    assert now(grant).compliance.unanswered_at == NOON + timedelta(days=20)
    names.heal(RECORD)
    day(21, clock)
    assert (now(grant).state, now(grant).compliance.unanswered_at) == ("suspended", None)
    names.servfail(RECORD)
    day(22, clock)
    assert now(grant).state == "suspended"  # nor does it resume


def test_a_persons_suspension_is_never_resumed(
    grant: Grant, cast: Cast, names: DnsServer, clock: Any
) -> None:
    names.remove(RECORD, "TXT")
    day(1, clock)
    _by_hand(grant, cast, GrantAction.SUSPEND)
    names.txt(RECORD, "v=DMARC1; p=reject")
    assert day(2, clock).total == 0
    assert now(grant).state == "suspended"


def test_a_person_who_takes_over_the_portals_suspension_keeps_it(
    grant: Grant, cast: Cast, names: DnsServer, clock: Any
) -> None:
    names.remove(RECORD, "TXT")
    day(1, clock)
    day(8, clock)
    _by_hand(grant, cast, GrantAction.RESUME)
    _by_hand(grant, cast, GrantAction.SUSPEND)
    names.txt(RECORD, "v=DMARC1; p=reject")
    day(9, clock)
    assert now(grant).state == "suspended"


def test_a_person_who_resumes_gives_the_grace_anew(
    grant: Grant, cast: Cast, names: DnsServer, clock: Any
) -> None:
    names.remove(RECORD, "TXT")
    day(1, clock)
    day(8, clock)
    _by_hand(grant, cast, GrantAction.RESUME)
    day(9, clock)
    assert now(grant).state == "active"
    day(15, clock)
    assert now(grant).state == "suspended"


def _by_hand(grant: Grant, cast: Cast, action: GrantAction) -> None:
    managing.change_state(grant=now(grant), action=action, actor=cast.reviewer, reason="I looked into it.")


def test_an_institution_may_keep_such_grants_in_force_or_shorten_the_grace(
    grant: Grant, names: DnsServer, clock: Any, settings: Any
) -> None:
    standing = settings.INSTITUTION
    settings.INSTITUTION = dataclasses.replace(standing, suspends_when_broken={"whitelist": False})
    names.remove(RECORD, "TXT")
    day(1, clock)
    day(60, clock)
    assert now(grant).state == "active"
    assert "stays active" in drift_emails()[0].text
    settings.INSTITUTION = dataclasses.replace(standing, compliance_grace_days=70)
    day(61, clock)
    assert now(grant).state == "active"
    day(71, clock)
    assert now(grant).state == "suspended"


def test_a_grant_that_changed_while_it_was_checked_waits_for_the_next_run(
    grant: Grant, names: DnsServer, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.remove(RECORD, "TXT")
    check = rechecking._check

    def slow(pk: int) -> rechecking.Checked:
        checked = check(pk)
        return dataclasses.replace(checked, revision=checked.revision - 1)

    monkeypatch.setattr(rechecking, "_check", slow)
    day(1, clock)
    assert not Compliance.objects.exists()


def test_a_check_that_breaks_is_unknown(
    grant: Grant, clock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Any, grant: Grant) -> list[Any]:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(type(grant.kind_entry), "recheck", broken)
    assert day(1, clock).unknown == 1
    assert now(grant).compliance.standing == "unknown"
    assert "could not be checked again" in caplog.text


# ---------------------------------------------------------------- relay
def test_a_relay_grant_whose_sender_is_gone_is_told_but_stays(
    cast: Cast, names: DnsServer, clock: Any
) -> None:
    names.add(HOST, "A", "129.118.10.20")
    relay = approved(cast)
    day(1, clock)
    assert (now(relay).compliance.standing, now(relay).compliance.advice) == ("green", "")
    DirectoryAddress.objects.filter(address=SENDER).update(gone_at=timezone.now())
    names.remove(HOST, "A")
    names.add(HOST, "A", "129.118.10.99")
    day(2, clock)
    day(30, clock)
    assert now(relay).state == "active"
    assert now(relay).compliance.standing == "broken"
    assert SENDER in now(relay).compliance.broken_sentence
    assert "now leads to 129.118.10.99" in now(relay).compliance.advice


def test_the_command_says_what_it_found(grant: Grant, names: DnsServer) -> None:
    names.remove(RECORD, "TXT")
    out = StringIO()
    call_command("recheck_grants", "--today", "2026-11-24", stdout=out)
    assert out.getvalue() == "checked 1, out of compliance 1, without an answer 0\n"
