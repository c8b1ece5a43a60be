"""Owners are reminded of a missing proof after 7 and 14 days and then monthly: once each, whatever ran when."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction, GrantState
from portal.institution import Institution
from portal.outbox.models import Notification
from portal.samples import reminding
from portal.samples.models import ProbeToken, ProofReminder, SignedSample, SigningProof
from portal.samples.reminding import send_proof_reminders
from portal.samples.schedule import proof_reminder_days, proof_reminder_due
from portal.samples.tasks import send_proof_reminders as task
from tests.cast import Cast, approved, make_cast
from tests.engine.test_races import at_once
from tests.senders.cast import add_sample, signed, waiting
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
START = date(2026, 1, 31)
GOLDEN = Path(__file__).parent / "golden"


def on(day: date) -> time_machine.travel:
    """Noon in Texas."""
    return time_machine.travel(datetime(day.year, day.month, day.day, 18, tzinfo=UTC))


def run(day: date) -> int:
    with on(day):
        return send_proof_reminders(today=timezone.localdate())


def reminders() -> list[Notification]:
    return list(Notification.objects.filter(unique_key__startswith="proof_reminder:").order_by("pk"))


@pytest.fixture
def grant(cast: Cast) -> Grant:
    with on(START):
        return approved(cast)


def test_every_day_of_a_year_the_reminders_that_are_due_and_no_other(grant: Grant) -> None:
    days = [START + timedelta(days=n) for n in range(180)]
    sent = [day for day in days if run(day)]
    assert sent == [
        date(2026, 2, 7),
        date(2026, 2, 14),
        date(2026, 3, 14),
        date(2026, 4, 14),
        date(2026, 5, 14),
        date(2026, 6, 14),
        date(2026, 7, 14),
    ]


def test_run_twice_it_writes_once(grant: Grant) -> None:
    day = START + timedelta(days=7)
    assert (run(day), run(day), run(day + timedelta(days=1))) == (1, 0, 0)
    assert len(reminders()) == 1


def test_after_an_outage_only_the_newest_goes_out(grant: Grant) -> None:
    assert run(date(2026, 5, 20)) == 1
    assert ProofReminder.objects.get().due_on == date(2026, 5, 14)
    assert run(date(2026, 5, 21)) == 0


def test_a_proof_ends_them(grant: Grant, cast: Cast) -> None:
    with on(START + timedelta(days=3)):
        sample = SignedSample.objects.create(
            service_request=grant.request, source="probe", sha256="0" * 64, size=1, file="x", is_proof=True
        )
        SigningProof.objects.create(
            grant=grant,
            sample=sample,
            from_address="noreply-lab@ttu.edu",
            signing_domain="ttu.edu",
            proven_at=timezone.now(),
        )
    assert run(START + timedelta(days=7)) == 0
    with on(START + timedelta(days=9)):
        SigningProof.objects.update(outdated_at=timezone.now())
    assert run(START + timedelta(days=14)) == 1


@pytest.mark.parametrize("state", ["suspended", "revoked", "ended", "lapsed"])
def test_what_is_not_in_force_gets_none(grant: Grant, state: str) -> None:
    Grant.objects.filter(pk=grant.pk).update(state=state)
    assert run(START + timedelta(days=14)) == 0


def test_nothing_is_due_after_the_last_day_or_before_the_first(grant: Grant) -> None:
    Grant.objects.filter(pk=grant.pk).update(
        starts_on=date(2026, 3, 1),
        ends_on=date(2026, 3, 20),
        created_at=datetime(2026, 1, 31, 18, tzinfo=UTC),
    )
    assert run(date(2026, 2, 20)) == 0
    assert run(date(2026, 3, 8)) == 1
    assert run(date(2026, 3, 21)) == 0


def test_the_email_of_a_relay_permission_says_what_to_do(grant: Grant) -> None:
    ProbeToken.objects.update(token="0123456789abcdef0123")
    run(START + timedelta(days=7))
    (message,) = reminders()
    assert message.recipient == "requester@ttu.edu"
    assert f"{message.subject}\n\n{message.text}" == (GOLDEN / "proof_reminder.txt").read_text(
        encoding="utf-8"
    )
    assert "probe+0123456789abcdef0123@ttu.edu" in message.html


def test_an_old_permission_without_an_address_gets_one_with_its_reminder(grant: Grant) -> None:
    ProbeToken.objects.all().delete()
    assert run(START + timedelta(days=7)) == 1
    assert f"probe+{ProbeToken.objects.get().token}@ttu.edu" in reminders()[0].text


def test_an_authorization_that_waits_names_its_keys_and_what_was_wrong(names: DnsServer, cast: Cast) -> None:
    with on(START):
        grant = waiting(cast)
    grant.refresh_from_db()
    assert grant.state == GrantState.UNPROVEN
    assert run(START + timedelta(days=7)) == 1
    (message,) = {one.text: one for one in reminders()}.values()
    assert "not active yet" in message.text
    assert "s1._domainkey.crm.ttu.edu. CNAME" in message.text
    assert f"Probe address: probe+{grant.request.probe_token.token}@ttu.edu" in message.text
    with on(START + timedelta(days=8)):
        sample = add_sample(grant.request, signed())
    SignedSample.objects.filter(pk=sample.pk).update(source="probe")
    Notification.objects.all().delete()
    assert run(START + timedelta(days=14)) == 1
    assert "The newest message does not show it. " in reminders()[0].text


def test_one_that_was_resumed_as_unproven_counts_from_then(names: DnsServer, cast: Cast) -> None:
    with on(START):
        grant = waiting(cast)
    assert run(START + timedelta(days=7)) == 1
    later = START + timedelta(days=10)
    for day, action in ((later, GrantAction.SUSPEND), (later + timedelta(days=20), GrantAction.RESUME)):
        with on(day):
            managing.change_state(
                grant=Grant.objects.get(pk=grant.pk), action=action, actor=cast.reviewer, reason="x"
            )
    assert run(later + timedelta(days=26)) == 0
    assert run(later + timedelta(days=27)) == 1


def test_the_days_are_the_institutions(grant: Grant, settings: Any) -> None:
    settings.INSTITUTION = Institution(proof_reminder_days=(3,), unproven_after_days=5)
    assert run(START + timedelta(days=2)) == 0
    assert run(START + timedelta(days=3)) == 1
    settings.INSTITUTION = Institution(proof_reminder_days=())
    assert run(START + timedelta(days=400)) == 0


def test_command_and_task_run_the_service(grant: Grant) -> None:
    out = StringIO()
    call_command("send_proof_reminders", "--today", "2026-02-07", stdout=out)
    assert out.getvalue() == "queued 1\n"
    with on(date(2026, 2, 14)):
        task()
    assert ProofReminder.objects.count() == 2


def test_one_that_fails_stops_no_other(cast: Cast, grant: Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    with on(START):
        approved(cast, address="129.118.10.41", host="web-3.ttu.edu")
    tell = reminding._tell

    def broken(one: Grant, *rest: Any) -> None:
        if one.pk == grant.pk:
            raise RuntimeError("no")
        tell(one, *rest)

    monkeypatch.setattr(reminding, "_tell", broken)
    assert run(START + timedelta(days=7)) == 1
    monkeypatch.setattr(reminding, "_tell", tell)
    assert run(START + timedelta(days=8)) == 1


@given(
    since=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    span=st.integers(0, 900),
    steps=st.lists(st.integers(0, 60), max_size=4),
)
def test_the_schedule_is_sorted_bounded_and_sends_each_day_once(
    since: date, span: int, steps: list[int]
) -> None:
    today = since + timedelta(days=span)
    days = list(proof_reminder_days(since, today, steps))
    assert days == sorted(set(days))
    assert all(since <= day <= today for day in days)
    due = proof_reminder_due(since=since, today=today, days_after=steps)
    assert due == (days[-1] if days else None)
    assert proof_reminder_due(since=since, today=today, days_after=steps, done=days) is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_write_one_email(postgres: None, transactional_db: None) -> None:
    with on(START):
        approved(make_cast())
    day = START + timedelta(days=7)
    results = at_once(lambda: send_proof_reminders(today=day), lambda: send_proof_reminders(today=day))
    assert sorted(results) == [0, 1], results
    assert len(reminders()) == 1
