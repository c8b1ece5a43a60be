"""Where a campaign's days may lie: conflicts, blackouts, lead time, budgets, and the next free window.

Pure arithmetic on days of the institution's calendar: no moment, no zone, no database. A window is its first
and its last day, both included.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from portal.institution import Blackout, Institution, Population
from portal.lib.dates import BusinessCalendar, add_months

FURTHEST_DAYS = 400
"""How far ahead a free window is looked for."""


@dataclass(frozen=True)
class Window:
    """What is wished for: from when to when, to whom, and whether it is a survey."""

    starts_on: date
    ends_on: date
    populations: frozenset[str]
    is_survey: bool

    def moved_to(self, day: date) -> "Window":
        """The same number of days, from `day` on."""
        return replace(self, starts_on=day, ends_on=day + (self.ends_on - self.starts_on))


@dataclass(frozen=True)
class Booking:
    """A campaign that has its days: approved, or waiting for its decision."""

    reference: str
    title: str
    unit: str
    kind_label: str
    window: Window
    is_approved: bool
    takes_days: bool = True
    """False where it was stopped or is over: its days are free again."""
    counts: bool = True
    """Whether it counts against its year's budget: not where it was stopped before its first day."""
    request_id: int = 0
    people: str = ""
    """The populations in words."""

    @property
    def starts_on(self) -> date:
        """The first day."""
        return self.window.starts_on

    @property
    def ends_on(self) -> date:
        """The last day."""
        return self.window.ends_on

    def covers(self, day: date) -> bool:
        """Whether `day` lies in its window."""
        return self.starts_on <= day <= self.ends_on


@dataclass(frozen=True)
class Conflict:
    """Another campaign to some of the same people at the same time."""

    booking: Booking
    populations: frozenset[str]


@dataclass(frozen=True)
class Budget:
    """A population's surveys in one year of surveys: how many there may be, and how many there are."""

    population: Population
    year_starts_on: date
    year_ends_on: date
    used: int

    @property
    def is_used_up(self) -> bool:
        """Whether there is no room for another."""
        return 0 < self.population.survey_budget <= self.used


def monday_of(day: date) -> date:
    """The Monday of the week of `day`."""
    return day - timedelta(days=day.weekday())


def _span(window: Window, *, by_week: bool) -> tuple[date, date]:
    if not by_week:
        return window.starts_on, window.ends_on
    return monday_of(window.starts_on), monday_of(window.ends_on) + timedelta(days=6)


def conflicts(window: Window, bookings: Iterable[Booking]) -> list[Conflict]:
    """The bookings that share people and days; two surveys conflict in the same week already (S-7)."""
    found = []
    for booking in bookings:
        shared = window.populations & booking.window.populations
        by_week = window.is_survey and booking.window.is_survey
        starts, ends = _span(window, by_week=by_week)
        if booking.takes_days and shared and booking.starts_on <= ends and booking.ends_on >= starts:
            found.append(Conflict(booking, shared))
    return sorted(found, key=lambda conflict: (conflict.booking.starts_on, conflict.booking.reference))


def blackouts(window: Window, place: Institution) -> list[Blackout]:
    """The blackouts that touch the window and its people."""
    return [
        blackout
        for blackout in place.blackouts
        if blackout.starts <= window.ends_on
        and blackout.ends >= window.starts_on
        and (not blackout.populations or window.populations & set(blackout.populations))
    ]


def earliest_start(filed_on: date, place: Institution, calendar: BusinessCalendar) -> date:
    """The first day that the lead time leaves, for a campaign filed on `filed_on`."""
    return calendar.add(filed_on, place.campaign_lead_days)


def survey_year(day: date, first_month: int) -> tuple[date, date]:
    """The first and the last day of the year of surveys that `day` lies in."""
    starts = date(day.year if day.month >= first_month else day.year - 1, first_month, 1)
    return starts, add_months(starts, 12) - timedelta(days=1)


def budgets(window: Window, bookings: Sequence[Booking], place: Institution) -> list[Budget]:
    """The budgets that a survey counts against: those of the year in which its window begins (S-7).

    Approved surveys count; two that wait would else bar one another.
    """
    if not window.is_survey:
        return []
    starts, ends = survey_year(window.starts_on, place.survey_year_month)
    return [
        Budget(
            population,
            starts,
            ends,
            sum(
                booking.is_approved
                and booking.counts
                and booking.window.is_survey
                and population.key in booking.window.populations
                and starts <= booking.starts_on <= ends
                for booking in bookings
            ),
        )
        for population in place.populations
        if population.key in window.populations and population.survey_budget
    ]


def is_free(window: Window, bookings: Sequence[Booking], place: Institution) -> bool:
    """Whether nothing stands against the window but perhaps its lead time."""
    return not (
        blackouts(window, place)
        or conflicts(window, bookings)
        or any(budget.is_used_up for budget in budgets(window, bookings, place))
    )


def next_free(
    window: Window,
    bookings: Sequence[Booking],
    place: Institution,
    calendar: BusinessCalendar,
    *,
    not_before: date,
) -> Window | None:
    """The first window of the same length from `not_before` or the wish's own start on; None for none in sight.

    It begins on a business day, so that somebody is there to see how it goes.
    """
    day = max(window.starts_on, not_before)
    for offset in range(FURTHEST_DAYS):
        candidate = window.moved_to(day + timedelta(days=offset))
        if calendar.is_business_day(candidate.starts_on) and is_free(candidate, bookings, place):
            return candidate
    return None
