"""Days, months and business days. All functions are pure and speak of calendar days, not of moments."""

import calendar
import re
from datetime import date, timedelta

import holidays


def parse_day(text: str) -> date:
    """A day written as YYYY-MM-DD; ValueError otherwise."""
    # fromisoformat alone also takes 20260302 and 2026-W10-1.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()):
        raise ValueError("A day has the form YYYY-MM-DD.")
    return date.fromisoformat(text.strip())


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later (or earlier); the month's last day where it has no such day.

    29 February and twelve months gives 28 February.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def term_end(start: date, months: int) -> date:
    """The last day of a term of `months` that begins on `start`: the day before the anniversary."""
    anniversary = add_months(start, months)
    # From 29 February the anniversary falls on 28 February, which is itself the last day of the term.
    return anniversary if anniversary.day < start.day else anniversary - timedelta(days=1)


class BusinessCalendar:
    """Which days an institution works: neither weekends, nor public holidays, nor its own closed days."""

    def __init__(self, country: str, subdivision: str, closed_days: frozenset[date]) -> None:
        """`country` and `subdivision` are ISO 3166 codes that the `holidays` package knows."""
        self._holidays = holidays.country_holidays(country, subdiv=subdivision or None)
        self._closed = closed_days

    def is_business_day(self, day: date) -> bool:
        """Whether the offices are open on `day`."""
        return day.weekday() < 5 and day not in self._closed and day not in self._holidays

    def add(self, day: date, count: int) -> date:
        """The day that is `count` business days after `day`; for 0, `day` or the next business day."""
        while not self.is_business_day(day):
            day += timedelta(days=1)
        for _ in range(count):
            day += timedelta(days=1)
            while not self.is_business_day(day):
                day += timedelta(days=1)
        return day

    def between(self, start: date, end: date) -> int:
        """Business days after `start` up to and with `end`; 0 where `end` is not later."""
        days = range(1, max((end - start).days, 0) + 1)
        return sum(self.is_business_day(start + timedelta(days=offset)) for offset in days)
