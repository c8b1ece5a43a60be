"""A date that jumped: jobs act for the last day in order, people are told once, an administrator confirms it."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from portal.enforcement import holding
from portal.enforcement.tasks import publish_changes
from portal.grants import dating, tasks
from portal.grants.models import Compliance, Grant, Standing, TrustedDate
from portal.grants.services import issuing, rechecking
from portal.grants.states import GrantState
from portal.outbox.models import Notification
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import requesting
from portal.workflow.tasks import escalate_overdue
from relay.models import RelayRequest
from tests.cast import Cast, approved, client_of, fresh, submitted

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(hour=18, minute=0, second=0)


def after(days: int) -> time_machine.travel:
    return time_machine.travel(NOW + timedelta(days=days), tick=True)


def ends_in(grant: Grant, days: int) -> None:
    with after(0):
        today = timezone.localdate()
        Grant.objects.filter(pk=grant.pk).update(
            starts_on=today - timedelta(days=90), ends_on=today + timedelta(days=days)
        )


def told(subject: str) -> int:
    return Notification.objects.filter(subject__contains=subject).count()


def state_of(grant: Grant) -> str:
    return Grant.objects.get(pk=grant.pk).state


@pytest.mark.parametrize("job", ["reminders first", "lapses first", "the sweep of each minute first"])
def test_whichever_job_sees_the_jump_first_nothing_lapses_and_it_is_told_once(cast: Cast, job: str) -> None:
    with after(0):
        grant, soon = approved(cast), approved(cast, address="129.118.10.30", host="soon.ttu.edu")
        tasks.lapse_grants()
    ends_in(grant, 5)
    ends_in(soon, 61)
    with after(40):
        {"r": tasks.send_reminders, "l": tasks.lapse_grants, "t": publish_changes}[job[0]]()
        tasks.lapse_grants()
        tasks.send_reminders()
        assert state_of(grant) == GrantState.ACTIVE
        assert told("date jumped") == 1
        # It was 5 days before its end on the last day that is believed: that reminder is due, no other.
        assert list(grant.reminders.values_list("days_left", flat=True)) == [5]
        assert not soon.reminders.exists()
        holding.confirm_date(actor=cast.admin)
        tasks.lapse_grants()
        tasks.send_reminders()
        assert state_of(grant) == GrantState.LAPSED
        assert soon.reminders.count() == 1
    with after(43):
        tasks.lapse_grants()
        assert dating.date_in_doubt() is None
        assert told("date jumped") == 1


def test_what_ended_before_the_last_day_in_order_still_lapses(cast: Cast) -> None:
    with after(0):
        grant = approved(cast)
        tasks.send_reminders()
    ends_in(grant, 1)
    with after(2):
        assert not Grant.objects.get(pk=grant.pk).is_in_force_today  # no job ran
        tasks.send_reminders()
    with after(30):
        tasks.lapse_grants()
        assert dating.date_in_doubt() is not None
        assert state_of(grant) == GrantState.LAPSED


def test_a_date_that_comes_back_by_itself_is_in_doubt_no_more(cast: Cast) -> None:
    with after(0):
        grant = approved(cast)
        tasks.lapse_grants()
    ends_in(grant, 5)
    for wrong in (300, -2):
        with after(wrong):
            tasks.lapse_grants()
            assert dating.date_in_doubt() is not None
        with after(1):
            tasks.lapse_grants()
            assert dating.date_in_doubt() is None
    assert state_of(grant) == GrantState.ACTIVE
    assert told("date jumped") == 2


def test_a_grace_is_not_over_by_a_jump(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daily checks suspend nothing before the date is confirmed."""
    seen = []
    monkeypatch.setattr(rechecking, "recheck_grants", lambda *, today: seen.append(today))
    with after(0):
        approved(cast)
        tasks.recheck_grants()
    with after(40):
        tasks.recheck_grants()
        holding.confirm_date(actor=cast.admin)
        tasks.recheck_grants()
    assert [(day - seen[0]).days for day in seen] == [0, 0, 40]
    assert not Compliance.objects.filter(standing=Standing.BROKEN).exists()


def test_overdue_stages_wait_for_the_date_too(cast: Cast) -> None:
    with after(0):
        submitted(cast)
        tasks.lapse_grants()
        before = Notification.objects.count()
    with after(40):
        escalate_overdue()
        assert Notification.objects.count() == before + 1  # the alarm alone
        holding.confirm_date(actor=cast.admin)
        escalate_overdue()
        assert Notification.objects.count() > before + 1


def test_a_renewal_filed_while_the_date_is_in_doubt_keeps_it_active(cast: Cast) -> None:
    with after(0):
        grant = approved(cast)
        tasks.lapse_grants()
    ends_in(grant, 5)
    with after(40):
        tasks.lapse_grants()
        draft = issuing.begin_renewal(grant=Grant.objects.get(pk=grant.pk), actor=cast.requester)
        RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True)
        DraftStep.objects.update_or_create(
            service_request=draft, step="statement", defaults={"is_complete": True, "typed": {}}
        )
        draft = fresh(draft)
        requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
        assert Grant.objects.get(pk=grant.pk).held_open_by == ServiceRequest.objects.get(pk=draft.pk)


def test_pages_say_what_is_so(cast: Cast) -> None:
    with after(0):
        grant = approved(cast)
        tasks.lapse_grants()
    ends_in(grant, 5)
    with after(40):
        tasks.lapse_grants()
        browser = client_of(cast.requester)
        words = "it stays active until an administrator confirms the date"
        assert words in browser.get(grant.get_absolute_url()).content.decode()
        assert words in browser.get("/permissions/mine/").content.decode()
        page = client_of(cast.reviewer).get("/enforcement/").content.decode()
        assert "no permission ends because its last day is over" in page
        holding.confirm_date(actor=cast.admin)
        assert words not in browser.get(grant.get_absolute_url()).content.decode()
        assert "Its term is over" in browser.get("/permissions/mine/").content.decode()
        assert TrustedDate.objects.get().day == timezone.localdate()
