"""Windows on the calendar: conflicts, blackouts, lead time, budgets, across years and the change of the clocks."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.institution import Blackout, Institution, Population
from portal.lib.dates import BusinessCalendar
from portal.sending_calendar import windows
from portal.sending_calendar.month import month_of, shown_days
from portal.sending_calendar.windows import Booking, Window
from portal.workflow.calendar import business_calendar

STUDENTS = frozenset({"students"})
PLACE = replace(
    Institution(),
    populations=(
        Population("students", "Students", survey_budget=2),
        Population("staff", "Staff", survey_budget=2),
    ),
    blackouts=(
        Blackout(date(2026, 12, 24), date(2027, 1, 3), "the break"),
        Blackout(date(2027, 3, 8), date(2027, 3, 12), "exams", ("students",)),
    ),
)


def calendar() -> BusinessCalendar:
    return business_calendar(PLACE)


def window_of(first: str, last: str, *people: str, survey: bool = True) -> Window:
    return Window(
        date.fromisoformat(first), date.fromisoformat(last), frozenset(people or ("students",)), survey
    )


def booked(first: str, last: str, *people: str, survey: bool = True, **facts: Any) -> Booking:
    return Booking(
        "TM-C-1",
        "A survey",
        "A unit",
        "Survey",
        window_of(first, last, *people, survey=survey),
        True,
        **facts,
    )


# ---------------------------------------------------------------- conflicts
@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2027-02-03", "2027-02-03", True),  # the same week, another day
        ("2027-01-31", "2027-01-31", False),  # the Sunday before
        ("2027-02-01", "2027-02-01", True),  # its Monday
        ("2027-02-07", "2027-02-07", True),  # its Sunday
        ("2027-02-08", "2027-02-12", False),  # the Monday after
        ("2027-01-04", "2027-03-30", True),  # around it
    ],
)
def test_two_surveys_of_the_same_people_conflict_in_the_same_week(
    first: str, last: str, expected: bool
) -> None:
    other = booked("2027-02-05", "2027-02-06")
    assert bool(windows.conflicts(window_of(first, last), [other])) is expected


def test_mailings_conflict_on_the_same_days_alone() -> None:
    other = booked("2027-02-05", "2027-02-06", survey=False)
    assert not windows.conflicts(window_of("2027-02-04", "2027-02-04"), [other])
    assert windows.conflicts(window_of("2027-02-06", "2027-02-09"), [other])


def test_other_people_and_free_days_do_not_conflict() -> None:
    week = window_of("2027-02-05", "2027-02-05")
    assert not windows.conflicts(week, [booked("2027-02-05", "2027-02-05", "staff")])
    assert not windows.conflicts(week, [booked("2027-02-05", "2027-02-05", takes_days=False)])
    shared = windows.conflicts(
        window_of("2027-02-05", "2027-02-05", "students", "staff"), [booked("2027-02-05", "2027-02-05")]
    )
    assert [conflict.populations for conflict in shared] == [STUDENTS]


def test_a_week_goes_on_over_the_turn_of_the_year() -> None:
    # 31 December 2026 is a Thursday: its week is 28 December to 3 January.
    assert windows.conflicts(window_of("2027-01-02", "2027-01-02"), [booked("2026-12-28", "2026-12-28")])
    assert not windows.conflicts(window_of("2027-01-04", "2027-01-04"), [booked("2026-12-28", "2026-12-28")])


# ---------------------------------------------------------------- the free window
def test_the_next_free_window_begins_after_the_other_survey_s_week() -> None:
    taken = [booked("2027-02-01", "2027-02-02")]
    free = windows.next_free(
        window_of("2027-02-03", "2027-02-05"), taken, PLACE, calendar(), not_before=date(2027, 1, 4)
    )
    assert free is not None
    assert (free.starts_on, free.ends_on) == (date(2027, 2, 8), date(2027, 2, 10))


def test_the_next_free_window_jumps_over_blackouts_the_turn_of_the_year_and_a_holiday() -> None:
    free = windows.next_free(
        window_of("2026-12-21", "2026-12-28"), [], PLACE, calendar(), not_before=date(2026, 12, 1)
    )
    assert free is not None
    assert free.starts_on == date(2027, 1, 4)
    assert free.ends_on == date(2027, 1, 11)


def test_a_used_up_budget_moves_the_window_into_the_next_year_of_surveys() -> None:
    taken = [booked("2026-10-05", "2026-10-05"), booked("2027-02-01", "2027-02-01")]
    free = windows.next_free(
        window_of("2027-05-03", "2027-05-03"), taken, PLACE, calendar(), not_before=date(2027, 1, 4)
    )
    assert free is not None
    assert free.starts_on == date(2027, 9, 1)
    assert windows.next_free(
        window_of("2027-05-03", "2027-05-03", "staff"), taken, PLACE, calendar(), not_before=date(2027, 1, 4)
    ) == window_of("2027-05-03", "2027-05-03", "staff")


def test_where_no_window_is_free_there_is_none() -> None:
    closed = replace(PLACE, blackouts=(Blackout(date(2026, 1, 1), date(2029, 12, 31), "closed"),))
    assert (
        windows.next_free(
            window_of("2027-02-03", "2027-02-03"), [], closed, calendar(), not_before=date(2027, 1, 4)
        )
        is None
    )


def test_the_lead_time_leaves_out_weekends_and_closed_days() -> None:
    # Ten business days from Friday 13 November 2026: Thanksgiving and the day after are closed.
    assert windows.earliest_start(date(2026, 11, 13), PLACE, calendar()) == date(2026, 12, 1)
    assert windows.earliest_start(date(2026, 12, 22), PLACE, calendar()) > date(2027, 1, 8)


@given(
    start=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    length=st.integers(0, 20),
    others=st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2029, 6, 30)), st.integers(0, 10)), max_size=6),
)
def test_whatever_is_proposed_is_free_long_enough_and_late_enough(
    start: date, length: int, others: list[tuple[date, int]]
) -> None:
    requested = Window(start, start + timedelta(days=length), STUDENTS, True)
    taken = [
        Booking(f"TM-C-{n}", "", "", "", Window(day, day + timedelta(days=days), STUDENTS, True), True)
        for n, (day, days) in enumerate(others)
    ]
    free = windows.next_free(requested, taken, PLACE, calendar(), not_before=start)
    if free is None:
        return
    assert free.starts_on >= start
    assert free.ends_on - free.starts_on == timedelta(days=length)
    assert calendar().is_business_day(free.starts_on)
    assert not windows.conflicts(free, taken)
    assert not windows.blackouts(free, PLACE)


# ---------------------------------------------------------------- the year of surveys
@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-08-31", ("2025-09-01", "2026-08-31")),
        ("2026-09-01", ("2026-09-01", "2027-08-31")),
        ("2026-12-31", ("2026-09-01", "2027-08-31")),
        ("2027-01-01", ("2026-09-01", "2027-08-31")),
        ("2028-02-29", ("2027-09-01", "2028-08-31")),
    ],
)
def test_the_year_of_surveys(day: str, expected: tuple[str, str]) -> None:
    assert windows.survey_year(date.fromisoformat(day), 9) == tuple(map(date.fromisoformat, expected))


def test_a_year_that_begins_in_january_is_the_calendar_s() -> None:
    assert windows.survey_year(date(2026, 12, 31), 1) == (date(2026, 1, 1), date(2026, 12, 31))


def test_a_survey_stopped_before_it_began_does_not_count() -> None:
    taken = [
        booked("2026-10-05", "2026-10-05"),
        booked("2027-02-01", "2027-02-01", takes_days=False, counts=False),
    ]
    (budget,) = windows.budgets(window_of("2027-03-01", "2027-03-01"), taken, PLACE)
    assert (budget.used, budget.is_used_up) == (1, False)


# ---------------------------------------------------------------- the month
@pytest.mark.parametrize("month", [f"2026-{month:02}" for month in range(1, 13)] + ["2027-03", "2028-02"])
def test_a_month_shows_each_day_once_in_whole_weeks(month: str) -> None:
    """Days and not moments: a month in which clocks change (8 March, 1 November 2026) has no day twice."""
    first = date.fromisoformat(f"{month}-01")
    shown = month_of(first, [], PLACE, calendar(), today=first)
    days = [day.day for week in shown.weeks for day in week]
    begins, ends = shown_days(first)
    assert days == [begins + timedelta(days=offset) for offset in range((ends - begins).days + 1)]
    assert all(len(week) == 7 and week[0].day.weekday() == 0 for week in shown.weeks)
    assert sum(day.is_inside for week in shown.weeks for day in week) == shown.last.day


def test_a_month_carries_what_covers_its_days() -> None:
    shown = month_of(
        date(2026, 12, 1), [booked("2026-12-30", "2027-01-02")], PLACE, calendar(), today=date(2026, 12, 31)
    )
    covered = [day.day for week in shown.weeks for day in week if day.bookings]
    assert covered == [date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 2)]
    assert [day.day for week in shown.weeks for day in week if day.is_today] == [date(2026, 12, 31)]
    assert shown.after == date(2027, 1, 1)
    assert month_of(shown.after, [], PLACE, calendar(), today=shown.first).before == shown.first
