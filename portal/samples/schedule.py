"""When an owner is reminded that a proof is missing. Pure date arithmetic, as in `portal.grants.schedule`."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from portal.lib.dates import add_months


def proof_reminder_days(since: date, today: date, days_after: Sequence[int]) -> Iterator[date]:
    """The days up to `today` on which a reminder is due: after each of `days_after`, then monthly after the last."""
    steps = sorted(set(days_after))
    if not steps:
        return
    for days in steps:
        if since + timedelta(days=days) <= today:
            yield since + timedelta(days=days)
    last, months = since + timedelta(days=steps[-1]), 1
    while (due := add_months(last, months)) <= today:
        yield due
        months += 1


def proof_reminder_due(
    *, since: date, today: date, days_after: Sequence[int], done: Iterable[date] = ()
) -> date | None:
    """The due day of the one reminder to send today, or None.

    After days on which nothing ran only the newest due reminder goes out; one that was sent is never sent again, nor
    is an older one after it. `done` may hold days of an earlier wait, which count for nothing.
    """
    newest = max(proof_reminder_days(since, today, days_after), default=None)
    if newest is None or newest <= max(done, default=date.min):
        return None
    return newest
