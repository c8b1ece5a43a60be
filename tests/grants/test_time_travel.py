"""A permission through its year: every day's jobs, run once, twice, late or not at all."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.grants.models import Grant, GrantEvent
from portal.grants.schedule import reminder_days, reminder_due
from portal.grants.services import dates, issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.institution import institution
from portal.lib.dates import term_end
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.models import Notification
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import requesting, reviewing
from relay.models import RelayRequest
from tests.cast import Cast, approve, approved, client_of, fresh
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db

START = date(2026, 3, 2)
END = date(2027, 3, 1)
DAYS_LEFT = (60, 30, 14, 7, 1, 0)


def noon(day: date) -> datetime:
    """Noon in Texas."""
    return datetime(day.year, day.month, day.day, 18, tzinfo=UTC)


def on(day: date) -> time_machine.travel:
    return time_machine.travel(noon(day))


def grant_from(cast: Cast, start: date, **facts: Any) -> Grant:
    with on(start):
        return approved(cast, **facts)


def days_between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def jobs(day: date) -> tuple[int, int]:
    """What beat runs on `day`."""
    with on(day):
        return dates.send_reminders(today=timezone.localdate()), dates.lapse_grants(
            today=timezone.localdate()
        )


def reminded(grant: Grant) -> list[tuple[date, int]]:
    return list(grant.reminders.order_by("due_on").values_list("due_on", "days_left"))


def again(grant: Grant) -> Grant:
    return Grant.objects.get(pk=grant.pk)


def emails(prefix: str, recipient: str = "requester@ttu.edu") -> int:
    return Notification.objects.filter(unique_key__startswith=f"{prefix}:", recipient=recipient).count()


# ---------------------------------------------------------------- the year
@pytest.mark.parametrize("times", [1, 2])
def test_a_year_sends_each_reminder_once_and_then_lapses(cast: Cast, times: int) -> None:
    grant = grant_from(cast, START)
    assert (grant.starts_on, grant.ends_on) == (START, END)
    done = [
        (day, what)
        for day in days_between(START, END + timedelta(days=3))
        for _ in range(times)
        for what in zip(("remind", "lapse"), jobs(day), strict=True)
        if what[1]
    ]
    assert done == [
        *((END - timedelta(days=left), ("remind", 1)) for left in DAYS_LEFT),
        (END + timedelta(days=1), ("lapse", 1)),
    ]
    assert reminded(grant) == [(END - timedelta(days=left), left) for left in DAYS_LEFT]
    assert again(grant).state == GrantState.LAPSED
    assert emails("grant_reminder") == len(DAYS_LEFT)
    assert emails("grant_lapsed") == 1
    assert GrantEvent.objects.filter(grant=grant, action="lapse").count() == 1


def test_after_an_outage_only_the_newest_reminder_goes_out(cast: Cast) -> None:
    grant = grant_from(cast, START)
    assert jobs(END - timedelta(days=61)) == (0, 0)
    assert jobs(END - timedelta(days=10)) == (1, 0)
    assert reminded(grant) == [(END - timedelta(days=14), 10)]
    assert (
        "10 days left" in Notification.objects.filter(unique_key__startswith="grant_reminder").get().subject
    )
    assert jobs(END - timedelta(days=9)) == (0, 0)
    assert jobs(END - timedelta(days=7)) == (1, 0)


def test_jobs_that_never_ran_change_nothing_about_what_is_in_force(cast: Cast) -> None:
    grant = grant_from(cast, START)
    for day, expected in (
        (START - timedelta(days=1), False),
        (START, True),
        (END, True),
        (END + timedelta(days=1), False),
    ):
        with on(day):
            assert grant.is_in_force_today is expected, day
            found = Grant.objects.in_force(timezone.localdate()).filter(pk=grant.pk).exists()
            assert found is expected, day
    assert again(grant).state == GrantState.ACTIVE


def test_a_late_job_lapses_without_reminding(cast: Cast) -> None:
    grant = grant_from(cast, START)
    assert jobs(END + timedelta(days=40)) == (0, 1)
    assert reminded(grant) == []
    assert jobs(END + timedelta(days=41)) == (0, 0)


def test_a_grant_that_fails_does_not_stop_the_others(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grant_from(cast, START)
    second = grant_from(cast, START, address="129.118.10.21", host="copier-8.ttu.edu")
    lapse = dates._lapse

    def broken(pk: int, today: date) -> bool:
        if pk == first.pk:
            raise RuntimeError("one bad row")
        return lapse(pk, today)

    monkeypatch.setattr(dates, "_lapse", broken)
    assert jobs(END + timedelta(days=1))[1] == 1
    assert (again(first).state, again(second).state) == (GrantState.ACTIVE, GrantState.LAPSED)


# ---------------------------------------------------------------- days that are special
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2027, 2, 28), date(2028, 2, 27)),
        (date(2026, 12, 31), date(2027, 12, 30)),
    ],
)
def test_terms_around_the_end_of_february_and_of_the_year(cast: Cast, start: date, end: date) -> None:
    grant = grant_from(cast, start)
    assert (grant.starts_on, grant.ends_on) == (start, end) == (start, term_end(start, 12))
    assert jobs(end) == (1, 0)
    assert jobs(end + timedelta(days=1)) == (0, 1)


@pytest.mark.parametrize("moment", ["2027-03-14T04:30:00Z", "2026-11-01T04:30:00Z", "2026-07-02T04:30:00Z"])
def test_the_day_ends_at_midnight_in_the_institutions_zone(cast: Cast, moment: str) -> None:
    # 04:30 UTC is still the evening before in Texas, on either side of the change of clocks.
    with time_machine.travel(moment):
        today = timezone.localdate()
    assert today == datetime.fromisoformat(moment).date() - timedelta(days=1)
    grant = grant_from(cast, today - timedelta(days=20))
    Grant.objects.filter(pk=grant.pk).update(ends_on=today)
    with time_machine.travel(moment):
        assert again(grant).is_in_force_today
        assert dates.lapse_grants(today=timezone.localdate()) == 0
    with time_machine.travel(datetime.fromisoformat(moment) + timedelta(hours=3)):
        assert not again(grant).is_in_force_today
        assert dates.lapse_grants(today=timezone.localdate()) == 1


# ---------------------------------------------------------------- renewal
def filed_renewal(cast: Cast, grant: Grant) -> ServiceRequest:
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester)
    RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True)
    DraftStep.objects.update_or_create(
        service_request=draft, step="statement", defaults={"is_complete": True, "typed": {}}
    )
    draft = fresh(draft)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    return fresh(draft)


def test_a_renewal_opens_sixty_days_before_the_end(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(END - timedelta(days=61)), pytest.raises(WrongState):
        issuing.begin_renewal(grant=grant, actor=cast.requester)
    with on(END - timedelta(days=60)):
        with pytest.raises(NotAllowed):
            issuing.begin_renewal(grant=grant, actor=cast.outsider)
        issuing.begin_renewal(grant=grant, actor=cast.requester)
        with pytest.raises(WrongState):
            issuing.begin_renewal(grant=again(grant), actor=cast.requester)


def test_a_renewal_filed_in_time_holds_the_grant_open_until_it_is_decided(
    names: DnsServer, cast: Cast
) -> None:
    grant = grant_from(cast, START)
    with on(END):
        renewal = filed_renewal(cast, grant)
    late = END + timedelta(days=9)
    assert renewal.stage == "renewal"
    assert jobs(END + timedelta(days=1)) == (0, 0)
    with on(late):
        assert again(grant).is_in_force_today
        approve(cast, renewal)
    grant = again(grant)
    assert (grant.state, grant.held_open_by, grant.starts_on) == (GrantState.ACTIVE, None, START)
    assert grant.latest_request == renewal
    assert grant.ends_on == term_end(late, 12)
    assert grant.is_in_force(late)
    assert Grant.objects.count() == 1


def test_an_early_renewal_loses_no_day(cast: Cast) -> None:
    grant = grant_from(cast, START)
    early = END - timedelta(days=40)
    with on(early):
        approve(cast, filed_renewal(cast, grant))
    assert again(grant).ends_on == term_end(END, 12)
    assert jobs(END) == (0, 0)
    assert again(grant).is_in_force(END + timedelta(days=1))


def test_a_filed_renewal_ends_the_reminders_and_a_draft_does_not(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(END - timedelta(days=30)):
        issuing.begin_renewal(grant=grant, actor=cast.requester)
    assert jobs(END - timedelta(days=30)) == (1, 0)
    with on(END - timedelta(days=20)):
        draft = ServiceRequest.objects.get(about_grant__grant=grant)
        requesting.withdraw(service_request=draft, actor=cast.requester, revision=draft.revision)
        filed_renewal(cast, grant)
    assert jobs(END - timedelta(days=14)) == (0, 0)


@pytest.mark.parametrize("ending", ["deny", "withdraw"])
def test_a_renewal_that_fails_after_the_end_puts_the_grant_out_of_force(cast: Cast, ending: str) -> None:
    grant = grant_from(cast, START)
    with on(END):
        renewal = filed_renewal(cast, grant)
    with on(END + timedelta(days=5)):
        assert again(grant).is_in_force_today
        if ending == "deny":
            reviewing.deny(
                service_request=renewal,
                actor=cast.reviewer,
                revision=renewal.revision,
                comment="No longer.",
                clauses=["REL-1"],
            )
        else:
            requesting.withdraw(service_request=renewal, actor=cast.requester, revision=renewal.revision)
        assert not again(grant).is_in_force_today
    assert jobs(END + timedelta(days=5)) == (0, 1)
    assert again(grant).state == GrantState.LAPSED


def test_a_renewal_after_the_lapse_starts_anew(cast: Cast) -> None:
    grant = grant_from(cast, START)
    jobs(END + timedelta(days=1))
    back = END + timedelta(days=10)
    with on(back):
        renewal = filed_renewal(cast, again(grant))
        assert not again(grant).is_in_force_today
        approve(cast, renewal)
    grant = again(grant)
    assert (grant.state, grant.starts_on, grant.ends_on) == (GrantState.ACTIVE, back, term_end(back, 12))
    assert not grant.is_in_force(END + timedelta(days=5))


@pytest.mark.parametrize("filed", ["before its end", "after its end"])
def test_a_renewal_does_not_end_a_suspension(cast: Cast, filed: str) -> None:
    """A renewal says that the permission is needed further, not that the reason of its suspension is gone."""
    grant = grant_from(cast, START)
    with on(END - timedelta(days=3)):
        change(grant, GrantAction.SUSPEND, cast.reviewer, "It sent spam.")
    with on(END if filed == "before its end" else END + timedelta(days=4)):
        if filed == "after its end":
            jobs(END + timedelta(days=1))
        renewal = filed_renewal(cast, again(grant))
    assert again(grant).held_open_by is None
    jobs(END + timedelta(days=1))
    assert again(grant).state == GrantState.LAPSED
    late = END + timedelta(days=9)
    with on(late):
        approve(cast, renewal)
        grant = again(grant)
        assert (grant.state, grant.starts_on, grant.ends_on) == (
            GrantState.SUSPENDED,
            late,
            term_end(late, 12),
        )
        assert not grant.is_in_force_today
        assert grant.state_reason == (
            "It was suspended when its term ended, and stays so until it is resumed. It sent spam."
        )
        page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
        assert "stays so until it is resumed. It sent spam." in page
        note = Notification.objects.filter(subject__contains="approved", thread=renewal.reference).last()
        assert note is not None
        assert "Suspended" in note.text
        change(grant, GrantAction.RESUME, cast.reviewer, "The system is clean.")
        assert again(grant).is_in_force_today


def test_a_suspension_that_was_lifted_before_the_end_does_not_come_back(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START + timedelta(days=3)):
        change(grant, GrantAction.SUSPEND, cast.reviewer)
        change(grant, GrantAction.RESUME, cast.reviewer)
    jobs(END + timedelta(days=1))
    with on(END + timedelta(days=4)):
        approve(cast, filed_renewal(cast, again(grant)))
        assert again(grant).is_in_force_today


# ---------------------------------------------------------------- people
def change(grant: Grant, action: GrantAction, actor: Any, reason: str = "It must be so.") -> None:
    managing.change_state(grant=again(grant), action=action, actor=actor, reason=reason)


def test_suspending_resuming_and_revoking(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START + timedelta(days=5)):
        for person in (cast.requester, cast.auditor, cast.admin, cast.outsider):
            with pytest.raises(NotAllowed):
                change(grant, GrantAction.SUSPEND, person)
        change(grant, GrantAction.SUSPEND, cast.reviewer)
        assert not again(grant).is_in_force_today
        with pytest.raises(WrongState):
            change(grant, GrantAction.SUSPEND, cast.reviewer)
        change(grant, GrantAction.RESUME, cast.cio)
        assert again(grant).is_in_force_today
        change(grant, GrantAction.REVOKE, cast.postmaster)
        assert not again(grant).is_in_force_today
        for action in (GrantAction.RESUME, GrantAction.REVOKE):
            with pytest.raises(WrongState):
                change(grant, action, cast.reviewer)
    assert jobs(END) == (0, 0)
    assert jobs(END + timedelta(days=1)) == (0, 0)
    assert again(grant).state == GrantState.REVOKED
    assert emails("grant_changed") == 3


def test_a_suspended_grant_lapses_at_its_end(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START):
        change(grant, GrantAction.SUSPEND, cast.reviewer)
    assert jobs(END - timedelta(days=30)) == (0, 0)
    assert jobs(END + timedelta(days=1)) == (0, 1)


def test_the_owner_ends_it_and_says_why(cast: Cast) -> None:
    grant = grant_from(cast, START, co_owner=cast.colleague)
    with on(START + timedelta(days=1)):
        url, client = f"/permissions/{grant.reference}/do/end/", client_of(cast.colleague)
        assert client.post(url, {"end-revision": grant.revision, "end-reason": ""}).status_code == 422
        assert again(grant).state == GrantState.ACTIVE
        reply = client.post(url, {"end-revision": grant.revision, "end-reason": "The copier is gone."})
        assert reply.status_code == 302
        assert again(grant).state == GrantState.ENDED
        assert client.post(url, {"end-revision": 1, "end-reason": "Again."}).status_code == 409
    assert not again(grant).is_in_force(START + timedelta(days=1))


def test_a_stale_page_of_a_grant_changes_nothing(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START):
        client, seen = client_of(cast.reviewer), grant.revision
        change(grant, GrantAction.SUSPEND, cast.second_reviewer)
        data = {"revoke-revision": seen, "revoke-reason": "Misused."}
        assert client.post(f"/permissions/{grant.reference}/do/revoke/", data).status_code == 409
    assert again(grant).state == GrantState.SUSPENDED


def test_a_grant_changes_hands_when_the_other_accepts(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START):
        with pytest.raises(NotAllowed):
            managing.hand_over(grant=grant, actor=cast.outsider, to=cast.outsider)
        managing.hand_over(grant=grant, actor=cast.requester, to=cast.colleague, note="You have it now.")
        with pytest.raises(WrongState):
            managing.hand_over(grant=grant, actor=cast.requester, to=cast.outsider)
        with pytest.raises(NotAllowed):
            managing.answer_offer(grant=again(grant), actor=cast.outsider, accept=True)
        assert again(grant).owner == cast.requester
        client = client_of(cast.colleague)
        assert client.post(f"/permissions/{grant.reference}/do/accept/").status_code == 302
        assert client.post(f"/permissions/{grant.reference}/do/accept/").status_code == 403
        assert again(grant).owner == cast.colleague
        assert client_of(cast.requester).get(f"/permissions/{grant.reference}/").status_code == 404
    jobs(END - timedelta(days=60))
    assert emails("grant_reminder", cast.colleague.email) == 1
    assert emails("grant_reminder") == 0


def test_a_declined_offer_leaves_the_owner(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START):
        managing.hand_over(grant=grant, actor=cast.requester, to=cast.colleague)
        managing.answer_offer(grant=again(grant), actor=cast.colleague, accept=False)
    assert again(grant).owner == cast.requester
    assert client_of(cast.colleague).get(f"/permissions/{grant.reference}/").status_code == 404


def test_an_owner_withdraws_an_offer_that_nobody_answered(cast: Cast) -> None:
    grant = grant_from(cast, START)
    with on(START):
        owner, other = client_of(cast.requester), client_of(cast.colleague)
        url = f"/permissions/{grant.reference}/do/withdraw_offer/"
        assert owner.post(url).status_code == 409  # nothing is offered
        managing.hand_over(grant=grant, actor=cast.requester, to=cast.colleague)
        assert "Offered to you" in other.get("/").content.decode()
        assert "Withdraw the offer" in owner.get(f"/permissions/{grant.reference}/").content.decode()
        assert other.post(url).status_code == 403
        assert client_of(cast.outsider).post(url).status_code == 404
        assert owner.post(url).status_code == 302
        assert owner.post(url).status_code == 409
        assert other.post(f"/permissions/{grant.reference}/do/accept/").status_code == 404
        assert "Offered to you" not in other.get("/").content.decode()
        assert emails("grant_offer_withdrawn", cast.colleague.email) == 1
        managing.hand_over(grant=grant, actor=cast.requester, to=cast.outsider)
    assert again(grant).owner == cast.requester


# ---------------------------------------------------------------- the commands
def run(command: str, *words: str) -> str:
    out = StringIO()
    call_command(command, *words, stdout=out)
    return out.getvalue().strip()


def test_the_commands_act_for_the_day_they_are_given(cast: Cast) -> None:
    grant_from(cast, START)
    assert run("send_reminders", "--today", "2027-02-15") == "queued 1"
    assert run("send_reminders", "--today", "2027-02-15") == "queued 0"
    assert run("lapse_grants", "--today", "2027-03-01") == "lapsed 0"
    assert run("lapse_grants", "--today", "2027-03-02") == "lapsed 1"
    with on(START):
        assert run("lapse_grants") == "lapsed 0"
    for bad in ("tomorrow", "2027-02-30"):
        with pytest.raises(CommandError, match="--today"):
            run("lapse_grants", "--today", bad)


# ---------------------------------------------------------------- the arithmetic, for all days
ends = st.dates(min_value=date(2024, 1, 1), max_value=date(2040, 12, 31))
marks = st.sets(st.integers(min_value=0, max_value=90), min_size=1, max_size=8)


@given(end=ends, before=marks, length=st.integers(1, 400), runs=st.lists(st.integers(-30, 420), max_size=40))
def test_any_pattern_of_runs_reminds_at_most_once_for_each_mark(
    end: date, before: set[int], length: int, runs: list[int]
) -> None:
    start = end - timedelta(days=length)
    done: list[date] = []
    for today in sorted(end - timedelta(days=offset) for offset in runs):
        due = reminder_due(starts_on=start, ends_on=end, today=today, days_before=tuple(before), done=done)
        if due is None:
            continue
        due_on, left = due
        assert start <= due_on <= today <= end
        assert (end - due_on).days == left
        assert left in before
        newer = [day for day, _ in reminder_days(end, tuple(before)) if due_on < day <= today]
        assert newer == []
        assert all(due_on > earlier for earlier in done)
        done.append(due_on)
    assert len(done) == len(set(done)) <= len(before)


@given(end=ends, before=marks)
def test_daily_runs_send_every_mark_on_its_day(end: date, before: set[int]) -> None:
    start = end - timedelta(days=100)
    done: list[date] = []
    for today in days_between(start, end + timedelta(days=2)):
        due = reminder_due(starts_on=start, ends_on=end, today=today, days_before=tuple(before), done=done)
        if due is not None:
            assert due[0] == today
            done.append(today)
    assert done == [end - timedelta(days=left) for left in sorted(before, reverse=True)]


def test_the_institutions_marks_are_those_of_these_tests() -> None:
    assert institution().reminder_days == DAYS_LEFT
