"""Waking the policy service on a change, and writing what it counted."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from portal.grants.models import Grant
from portal.policy_service.models import CountedDay, DailyUse, SenderUse
from portal.policy_service.tallies import Batch, Tally, moment

CHANNEL = "techmail_grants"
KEPT_DAYS = 400
MOST_SENDERS = 200
"""Senders kept per grant; a client that tries names at random fills no table."""
_CHUNK = 500


def announce() -> None:
    """Wake the policy services when the transaction at hand is committed (PostgreSQL sends it then, or never)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


@transaction.atomic
def write_batch(*, batch: Batch) -> None:
    """Add the counts of `batch` to the rows there are. All or nothing."""
    today = timezone.localdate()
    CountedDay.objects.bulk_create([CountedDay(day=today)], ignore_conflicts=True)
    known = _existing({grant_id for grant_id, _ in batch.days})
    days = sorted(batch.days.items(), key=lambda item: item[0])
    _add(DailyUse._meta.db_table, "day", [
        (grant_id, day, tally) for (grant_id, day), tally in days if grant_id in known
    ])  # fmt: skip
    _add(SenderUse._meta.db_table, "sender", _senders(batch, known))


def prune(*, today: date) -> None:
    """Forget the days that are too long ago for any page."""
    DailyUse.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
    CountedDay.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()


def _existing(grant_ids: set[int]) -> set[int]:
    ordered, found = sorted(grant_ids), set()
    for start in range(0, len(ordered), _CHUNK):
        found |= set(
            Grant.objects.filter(pk__in=ordered[start : start + _CHUNK]).values_list("pk", flat=True)
        )
    return found


def _senders(batch: Batch, known: set[int]) -> Iterable[tuple[int, str, Tally]]:
    for grant_id, senders in sorted(batch.senders.items()):
        if grant_id not in known:
            continue
        strangers = [sender for sender, tally in senders.items() if not tally.accepted]
        full: set[str] | None = None
        if strangers:
            rows = set(SenderUse.objects.filter(grant_id=grant_id).values_list("sender", flat=True))
            full = rows if len(rows) >= MOST_SENDERS else None
        for sender, tally in sorted(senders.items(), key=lambda item: item[0]):
            if full is None or tally.accepted or sender in full:
                yield grant_id, sender, tally


def _add(table: str, key: str, rows: Iterable[tuple[int, Any, Tally]]) -> None:
    # Sorted by their keys, so that two services that write at once wait for one another and never deadlock.
    quoted = connection.ops.quote_name(table)
    sql = (
        f"INSERT INTO {quoted} AS held (grant_id, {key}, accepted, refused, deferred, last_at) "  # noqa: S608
        "VALUES (%s, %s, %s, %s, %s, %s) "
        f"ON CONFLICT (grant_id, {key}) DO UPDATE SET accepted = held.accepted + excluded.accepted, "
        "refused = held.refused + excluded.refused, deferred = held.deferred + excluded.deferred, last_at = "
        "CASE WHEN excluded.last_at > held.last_at THEN excluded.last_at ELSE held.last_at END"
    )
    values = []
    for grant_id, value, tally in rows:
        at = connection.ops.adapt_datetimefield_value(moment(tally.last_at))
        shown = connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value
        values.append((grant_id, shown, tally.accepted, tally.refused, tally.deferred, at))
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(sql, values)
