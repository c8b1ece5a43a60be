"""Notifying policy services of a change, and writing their counts."""

from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F
from django.db.models.functions import Greatest
from django.utils import timezone

from portal.policy_service.models import AuthorUse, CountedDay, DailyUse, MilterHost, SenderUse
from portal.policy_service.tallies import Batch, Tally, moment

CHANNEL = "techmail_grants"
KEPT_DAYS = 400
MOST_SENDERS = 200
"""The most senders stored per grant, so that random names do not fill the table."""
_CHUNK = 500


def announce() -> None:
    """Notify the policy services when the current transaction is committed (PostgreSQL sends it then, or never)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


@transaction.atomic
def write_batch(*, batch: Batch) -> None:
    """Add the counts of `batch` to the rows there are. All or nothing; counts of a grant that is gone are dropped."""
    CountedDay.objects.bulk_create([CountedDay(day=timezone.localdate())], ignore_conflicts=True)
    days = [TallyRow(grant_id, day, tally) for (grant_id, day), tally in batch.days.items()]
    _add(DailyUse._meta.db_table, "day", days)
    _add_recipients(days)
    _add(SenderUse._meta.db_table, "sender", _senders(batch.senders, SenderUse, "sender"))
    _add(AuthorUse._meta.db_table, "author", _senders(batch.authors, AuthorUse, "author"))
    _take_back(batch)
    for host, at in batch.hosts.items():
        MilterHost.objects.update_or_create(host=host, defaults={"last_at": moment(at)})


def prune(*, today: date) -> None:
    """Delete days that are older than any page shows."""
    DailyUse.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
    CountedDay.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()


class TallyRow(NamedTuple):
    """What is to be added to one row."""

    grant_id: int
    key: date | str
    tally: Tally


def _take_back(batch: Batch) -> None:
    """Messages of earlier batches that did not pass after all; never below zero."""
    for (grant_id, day, sender), messages in batch.taken_back.items():
        fewer = Greatest(F("accepted") - messages, 0)
        DailyUse.objects.filter(grant_id=grant_id, day=day).update(accepted=fewer)
        SenderUse.objects.filter(grant_id=grant_id, sender=sender).update(accepted=fewer)


def _senders(
    counted: dict[int, dict[str, Tally]], table: type[SenderUse] | type[AuthorUse], column: str
) -> list[TallyRow]:
    with_strangers = sorted(
        grant_id
        for grant_id, senders in counted.items()
        if any(not tally.accepted for tally in senders.values())
    )
    known = _senders_of_full(with_strangers, table, column)
    return [
        TallyRow(grant_id, sender, tally)
        for grant_id, senders in counted.items()
        for sender, tally in senders.items()
        if tally.accepted or grant_id not in known or sender in known[grant_id]
    ]


def _senders_of_full(
    grant_ids: list[int], table: type[SenderUse] | type[AuthorUse], column: str
) -> dict[int, set[str]]:
    """The senders counted for grants that are at the limit of counted senders."""
    found: dict[int, set[str]] = {}
    for start in range(0, len(grant_ids), _CHUNK):
        rows = table._default_manager.filter(grant_id__in=grant_ids[start : start + _CHUNK])
        full = rows.order_by().values("grant_id").annotate(senders=Count("pk"))
        found |= {row["grant_id"]: set() for row in full.filter(senders__gte=MOST_SENDERS)}
    for grant_id, sender in table._default_manager.filter(grant_id__in=list(found)).values_list(
        "grant_id", column
    ):
        found[grant_id].add(sender)
    return found


_ON_CONFLICT = (
    "ON CONFLICT (grant_id, {key}) DO UPDATE SET accepted = held.accepted + excluded.accepted, "
    "refused = held.refused + excluded.refused, deferred = held.deferred + excluded.deferred, last_at = "
    "CASE WHEN excluded.last_at > held.last_at THEN excluded.last_at ELSE held.last_at END"
)
_INTO = "INSERT INTO {table} AS held (grant_id, {key}, accepted, refused, deferred, last_at) "
_ROW_BY_ROW = (
    _INTO  # noqa: S608 - the names are the models' own
    + "SELECT %s, %s, %s, %s, %s, %s WHERE EXISTS (SELECT 1 FROM grants_grant WHERE id = %s) "
    + _ON_CONFLICT
)
# Columns as arrays: one statement and no text for each row, which for 40,000 rows is seconds of processor time.
# Ordered, so that two services that write at once wait for one another and never deadlock.
_AT_ONCE = (
    _INTO
    + "SELECT given.grant_id, given.key, given.accepted, given.refused, given.deferred, to_timestamp(given.at) "
    "FROM unnest(%s::bigint[], %s::{type}[], %s::int[], %s::int[], %s::int[], %s::float8[]) "
    "AS given (grant_id, key, accepted, refused, deferred, at) "
    "JOIN grants_grant ON grants_grant.id = given.grant_id ORDER BY 1, 2 " + _ON_CONFLICT
)

_RECIPIENTS_AT_ONCE = (
    "UPDATE policy_service_dailyuse AS held SET recipients = held.recipients + given.recipients, "
    "external = held.external + given.external "
    "FROM unnest(%s::bigint[], %s::date[], %s::int[], %s::int[]) AS given (grant_id, day, recipients, external) "
    "WHERE held.grant_id = given.grant_id AND held.day = given.day"
)


def _add(table: str, key: str, rows: list[TallyRow]) -> None:
    if not rows:
        return
    names = {
        "table": connection.ops.quote_name(table),
        "key": key,
        "type": "date" if key == "day" else "text",
    }
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_AT_ONCE.format(**names), _columns(rows))
        else:
            cursor.executemany(_ROW_BY_ROW.format(**names), [_values(row) for row in rows])


def _add_recipients(rows: list[TallyRow]) -> None:
    """Add the recipients to the rows of days that `_add` has just written."""
    counted = [row for row in rows if row.tally.recipients]
    if not counted:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns: list[list[Any]] = [
                [row.grant_id for row in counted],
                [row.key for row in counted],
                [row.tally.recipients for row in counted],
                [row.tally.external for row in counted],
            ]
            cursor.execute(_RECIPIENTS_AT_ONCE, columns)
        else:
            for row in counted:
                DailyUse.objects.filter(grant_id=row.grant_id, day=row.key).update(
                    recipients=F("recipients") + row.tally.recipients,
                    external=F("external") + row.tally.external,
                )


def _columns(rows: list[TallyRow]) -> list[list[Any]]:
    tallies = [row.tally for row in rows]
    return [
        [row.grant_id for row in rows],
        [row.key for row in rows],
        [tally.accepted for tally in tallies],
        [tally.refused for tally in tallies],
        [tally.deferred for tally in tallies],
        [tally.last_at for tally in tallies],
    ]


def _values(row: TallyRow) -> tuple[Any, ...]:
    key = connection.ops.adapt_datefield_value(row.key) if isinstance(row.key, date) else row.key
    at = connection.ops.adapt_datetimefield_value(moment(row.tally.last_at))
    counts = (row.tally.accepted, row.tally.refused, row.tally.deferred)
    return (row.grant_id, key, *counts, at, row.grant_id)
