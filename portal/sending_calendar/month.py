"""A month of the calendar as weeks and days, without database."""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.institution import Blackout, Institution
from portal.lib.dates import BusinessCalendar, add_months
from portal.sending_calendar.windows import Booking


@dataclass(frozen=True)
class Day:
    """One day on the page of a month."""

    day: date
    is_inside: bool
    """Whether it belongs to the month shown."""
    is_today: bool
    is_open: bool
    """Whether the offices are open."""
    bookings: Sequence[Booking]
    blackouts: Sequence[Blackout]


@dataclass(frozen=True)
class Month:
    """A month in whole weeks from Monday to Sunday, as weeks of surveys are counted."""

    first: date
    weeks: Sequence[Sequence[Day]]

    @property
    def last(self) -> date:
        """Return the last day of the month."""
        return add_months(self.first, 1) - timedelta(days=1)

    @property
    def before(self) -> date:
        """Return the first day of the month before."""
        return add_months(self.first, -1)

    @property
    def after(self) -> date:
        """Return the first day of the month after."""
        return add_months(self.first, 1)


def shown_days(first: date) -> tuple[date, date]:
    """Return the first and the last day that the page of a month shows."""
    weeks = calendar.Calendar(firstweekday=0).monthdatescalendar(first.year, first.month)
    return weeks[0][0], weeks[-1][-1]


def month_of(
    first: date,
    bookings: Iterable[Booking],
    place: Institution,
    business: BusinessCalendar,
    *,
    today: date,
    population: str = "",
) -> Month:
    """Return the month that begins on `first`, with the bookings and blackouts of each day."""
    taken = [booking for booking in bookings if booking.takes_days]
    weeks = calendar.Calendar(firstweekday=0).monthdatescalendar(first.year, first.month)
    return Month(
        first,
        [
            [
                Day(
                    day,
                    day.month == first.month,
                    day == today,
                    business.is_business_day(day),
                    [booking for booking in taken if booking.covers(day)],
                    blackouts_on(day, place, population),
                )
                for day in week
            ]
            for week in weeks
        ],
    )


def blackouts_on(day: date, place: Institution, population: str = "") -> list[Blackout]:
    """Return the blackouts of a day, for one population or for any."""
    return [
        blackout
        for blackout in place.blackouts
        if blackout.starts <= day <= blackout.ends
        and (not population or not blackout.populations or population in blackout.populations)
    ]
