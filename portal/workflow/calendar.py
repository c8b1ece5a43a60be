"""Business days of the institution: when a stage is due."""

from datetime import date, datetime
from functools import lru_cache

from django.utils import timezone

from portal.institution import Institution, institution
from portal.lib.dates import BusinessCalendar


@lru_cache(maxsize=4)
def _calendar_of(country: str, subdivision: str, closed_days: tuple[date, ...]) -> BusinessCalendar:
    return BusinessCalendar(country, subdivision, frozenset(closed_days))


def business_calendar(of: Institution | None = None) -> BusinessCalendar:
    """The calendar of the institution (its own, unless another is given)."""
    place = of or institution()
    return _calendar_of(place.country, place.subdivision, place.closed_days)


def due_after(days: int, *, start: datetime) -> date:
    """The day that is `days` business days after the local day of `start`."""
    return business_calendar().add(timezone.localdate(start), days)


def business_days_between(start: datetime, end: datetime) -> int:
    """Business days from the local day of `start` to that of `end`, not counting the first."""
    return business_calendar().between(timezone.localdate(start), timezone.localdate(end))
