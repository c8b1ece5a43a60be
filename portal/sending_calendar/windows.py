"""Arithmetic of sending windows: conflicts, blackouts, lead time, survey budgets, and the next free window.

It works on days of the institution's calendar, without times, time zones or database. A window includes its first and its
last day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from portal.institution import Blackout, Institution, Population
from portal.lib.dates import BusinessCalendar, add_months

FURTHEST_DAYS = 400
"""How many days ahead a free window is searched for."""


@dataclass(frozen=True)
class Window:
    """The days and the populations of a mailing, and whether it is a survey."""

    starts_on: date
    ends_on: date
    populations: frozenset[str]
    is_survey: bool

    def moved_to(self, day: date) -> "Window":
        """Return a window of the same length that begins on `day`."""
        return replace(self, starts_on=day, ends_on=day + (self.ends_on - self.starts_on))


@dataclass(frozen=True)
class Booking:
    """A mailing on the calendar, approved or waiting for a decision."""

    reference: str
    title: str
    unit: str
    kind_label: str
    window: Window
    is_approved: bool
    takes_days: bool = True
    """False if it was stopped or is over, so that its days are free again."""
    counts: bool = True
    """Whether it counts against the budget of its year; not if it was stopped before its first day."""
    request_id: int = 0
    people: str = ""
    """The names of the populations."""

    @property
    def starts_on(self) -> date:
        """Return the first day."""
        return self.window.starts_on

    @property
    def ends_on(self) -> date:
        """Return the last day."""
        return self.window.ends_on

    def covers(self, day: date) -> bool:
        """Whether `day` is in its window."""
        return self.starts_on <= day <= self.ends_on


@dataclass(frozen=True)
class Conflict:
    """Another mailing to some of the same people at the same time."""

    booking: Booking
    populations: frozenset[str]


@dataclass(frozen=True)
class Budget:
    """The surveys of a population in one survey year: how many are allowed, and how many are approved."""

    population: Population
    year_starts_on: date
    year_ends_on: date
    used: int

    @property
    def is_used_up(self) -> bool:
        """Whether no further survey is allowed."""
        return 0 < self.population.survey_budget <= self.used


def monday_of(day: date) -> date:
    """Return the Monday of the week of `day`."""
    return day - timedelta(days=day.weekday())


def _span(window: Window, *, by_week: bool) -> tuple[date, date]:
    if not by_week:
        return window.starts_on, window.ends_on
    return monday_of(window.starts_on), monday_of(window.ends_on) + timedelta(days=6)


def conflicts(window: Window, bookings: Iterable[Booking]) -> list[Conflict]:
    """Return the bookings that share people and days; two surveys conflict if they share a week (S-7)."""
    found = []
    for booking in bookings:
        shared = window.populations & booking.window.populations
        by_week = window.is_survey and booking.window.is_survey
        starts, ends = _span(window, by_week=by_week)
        if booking.takes_days and shared and booking.starts_on <= ends and booking.ends_on >= starts:
            found.append(Conflict(booking, shared))
    return sorted(found, key=lambda conflict: (conflict.booking.starts_on, conflict.booking.reference))


def blackouts(window: Window, place: Institution) -> list[Blackout]:
    """Return the blackouts that overlap the window and concern its populations."""
    return [
        blackout
        for blackout in place.blackouts
        if blackout.starts <= window.ends_on
        and blackout.ends >= window.starts_on
        and (not blackout.populations or window.populations & set(blackout.populations))
    ]


def earliest_start(filed_on: date, place: Institution, calendar: BusinessCalendar) -> date:
    """Return the first day of sending that the lead time allows for a request filed on `filed_on`."""
    return calendar.add(filed_on, place.campaign_lead_days)


def survey_year(day: date, first_month: int) -> tuple[date, date]:
    """Return the first and the last day of the survey year of `day`."""
    starts = date(day.year if day.month >= first_month else day.year - 1, first_month, 1)
    return starts, add_months(starts, 12) - timedelta(days=1)


def budgets(window: Window, bookings: Sequence[Booking], place: Institution) -> list[Budget]:
    """Return the budgets that a survey counts against, in the survey year in which its window begins (S-7).

    Only approved surveys count, because two that wait would otherwise bar each other.
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
    """Whether the window has no conflict, no blackout and budget left; its lead time is not checked."""
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
    """Return the first free window of the same length; None if there is none within `FURTHEST_DAYS`.

    The search begins at the later of `not_before` and the window's own first day. A free window begins on a business
    day, so that somebody is there to watch the delivery.
    """
    day = max(window.starts_on, not_before)
    for offset in range(FURTHEST_DAYS):
        candidate = window.moved_to(day + timedelta(days=offset))
        if calendar.is_business_day(candidate.starts_on) and is_free(candidate, bookings, place):
            return candidate
    return None
