"""Which reminder is due on which day: pure date arithmetic, no clock and no database."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta


def reminder_days(ends_on: date, days_before: Sequence[int]) -> list[tuple[date, int]]:
    """(due day, days left) of every reminder of a term that ends on `ends_on`, earliest first."""
    unique = sorted(set(days_before), reverse=True)
    return [(ends_on - timedelta(days=days), days) for days in unique]


def reminder_due(
    *, starts_on: date, ends_on: date, today: date, days_before: Sequence[int], done: Iterable[date] = ()
) -> tuple[date, int] | None:
    """The one reminder to send today as (due day, days left), or None.

    After days without a run only the newest due reminder is sent. A sent reminder is never repeated, and no
    older one follows it. Nothing is due before the term starts or after its last day.
    """
    if not starts_on <= today <= ends_on:
        return None
    past = [entry for entry in reminder_days(ends_on, days_before) if starts_on <= entry[0] <= today]
    if not past:
        return None
    newest = past[-1]
    latest_done = max(done, default=date.min)
    return None if newest[0] <= latest_done else newest


def renewal_opens_on(ends_on: date, days: int) -> date:
    """The first day on which a renewal may be filed."""
    return ends_on - timedelta(days=days)
