"""Which planned records are to stand in the zones and which are to go, and the lists that the DNS team reads.

Whether a record is to go follows from its permission alone (docs/decisions/0015-dns-records-while-suspended.md).
What the zone holds was written by `senders.watching`; nothing here asks the DNS.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.models import Compliance, Grant, GrantEvent
from portal.grants.states import GrantState
from portal.incidents.models import IncidentGrant
from senders.models import PlannedRecord, RecordState, SenderAuthorization

GONE_SHOWN_DAYS = 30
"""How long a record that went is still looked at and listed: one odd answer must not end the watch."""
FRESH_DAYS = 3
"""How long "nothing stands there" is taken for granted; after that the DNS team is to check before adding."""
_OVER = (GrantState.REVOKED, GrantState.LAPSED, GrantState.ENDED)


@dataclass(frozen=True)
class Removal:
    """Why a record is to go, in words, and since when."""

    reason: str
    at: datetime

    @property
    def since(self) -> date:
        """The day, in the institution's zone."""
        return timezone.localdate(self.at)


@dataclass(frozen=True)
class Listed:
    """One planned record with what follows for the DNS team on one day."""

    row: PlannedRecord
    end: Removal | None
    """Why its permission needs it no longer."""
    removal: Removal | None
    """Why it is to go: `end`, or a target that may be a stranger's."""
    shared_with: str
    """The reference of another permission that needs the very same record, so that it stays; else ""."""
    day: date

    @property
    def grant(self) -> Grant:
        """The permission that the record belongs to."""
        return self.row.authorization.grant

    @property
    def is_to_go(self) -> bool:
        """Whether it is to be removed, and is not known to be gone."""
        return self.removal is not None and not self.shared_with and not self.is_gone

    @property
    def is_gone(self) -> bool:
        """Whether a look after the day on which it was to go did not find it any more."""
        return self.removal is not None and is_gone_since(self.row, self.removal)

    @property
    def is_doubted(self) -> bool:
        """Whether its target may belong to a stranger by now, so that nobody should add it."""
        return self.row.doubted_at is not None

    @property
    def is_over(self) -> bool:
        """Whether its permission needs it no longer."""
        return self.end is not None

    @property
    def has_lost_its_target(self) -> bool:
        """Whether it is not there, and what it would point at does not exist: adding it would leave it dangling."""
        return bool(self.row.alarm) and not self.row.is_there

    @property
    def is_stop(self) -> bool:
        """Whether it cannot be added as it is: what stands there, or what it points at, has to be settled first."""
        blocked = self.row.state in (RecordState.DIFFERS, RecordState.CONFLICT)
        return not self.is_over and (blocked or self.is_doubted or self.has_lost_its_target)

    @property
    def is_fresh(self) -> bool:
        """Whether the DNS answered lately enough to rely on "nothing stands there"."""
        seen = self.row.seen_at
        return seen is not None and timezone.localdate(seen) >= self.day - timedelta(days=FRESH_DAYS)

    @property
    def is_to_add(self) -> bool:
        """Whether it is missing, or nobody has looked yet, and nothing speaks against adding it."""
        waits = self.row.state in (RecordState.UNSEEN, RecordState.ABSENT)
        return self.removal is None and waits and not self.is_stop

    @property
    def is_in_place(self) -> bool:
        """Whether it stands as planned."""
        return self.removal is None and self.row.state == RecordState.PRESENT and not self.is_doubted


@dataclass(frozen=True)
class Lists:
    """What the DNS team's page shows; a record with an alarm stands among the alarms and in its own list."""

    stops: list[Listed] = field(default_factory=list)
    alarms: list[Listed] = field(default_factory=list)
    to_add: list[Listed] = field(default_factory=list)
    to_remove: list[Listed] = field(default_factory=list)
    in_place: list[Listed] = field(default_factory=list)
    gone: list[Listed] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether no permission has a record."""
        return not any((self.stops, self.alarms, self.to_add, self.to_remove, self.in_place, self.gone))


def is_gone_since(row: PlannedRecord, removal: Removal) -> bool:
    """Whether a look found the record gone after it was to go: what was seen before says nothing, since the DNS team
    may have published it meanwhile.
    """
    return row.gone_at is not None and row.gone_at >= removal.at


def planned_records() -> QuerySet[PlannedRecord]:
    """Every planned record with its permission and what tells whether it is to go, by reference and name."""
    suspensions = GrantEvent.objects.filter(grant=OuterRef("authorization_id"), action="suspend").order_by(
        "-pk"
    )
    incidents = IncidentGrant.objects.filter(
        grant=OuterRef("authorization_id"), incident__closed_at__isnull=True
    )
    by_portal = Compliance.objects.filter(grant=OuterRef("authorization_id"), suspended_by_portal=True)
    return (
        PlannedRecord.objects.select_related("authorization__grant__owner")
        .annotate(
            suspended_by=Subquery(suspensions.values("actor")[:1]),
            is_in_incident=Exists(incidents),
            is_suspended_by_portal=Exists(by_portal),
        )
        .order_by("authorization__grant__reference", "name", "rdtype", "pk")
    )


def watched(today: date) -> QuerySet[PlannedRecord]:
    """The planned records that the daily look asks about: all but those that went a while ago."""
    over = timezone.now() - timedelta(days=GONE_SHOWN_DAYS)
    if today != timezone.localdate():
        over = over + (today - timezone.localdate())
    return planned_records().filter(Q(gone_at__isnull=True) | Q(gone_at__gte=over))


def removal_of(row: PlannedRecord, day: date) -> Removal | None:
    """Why a record is to go on `day`; None while it is to stand. `row` comes from `planned_records`."""
    return end_of(row, day) or doubt_of(row)


def doubt_of(row: PlannedRecord) -> Removal | None:
    """That the record's target may belong to a stranger by now, while nobody has confirmed who holds it."""
    return Removal("Its target may be a stranger’s", row.doubted_at) if row.doubted_at is not None else None


def end_of(row: PlannedRecord, day: date) -> Removal | None:
    """Why its permission needs the record no longer on `day`; None while it does, whatever its target is."""
    grant = row.authorization.grant
    if row.dropped_at is not None:
        return Removal("The permission no longer needs it", row.dropped_at)
    if grant.state in _OVER:
        return Removal(grant.get_state_display(), grant.state_changed_at)
    if day > grant.ends_on and grant.held_open_by_id is None:
        return Removal("Its term is over", _start_of(grant.ends_on + timedelta(days=1)))
    if grant.state == GrantState.SUSPENDED and not _awaits_its_records(row):
        return Removal("Suspended", grant.state_changed_at)
    return None


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def _awaits_its_records(row: PlannedRecord) -> bool:
    """Whether a suspension is the daily check's own, which waits for these very records, and nobody else's.

    A person's suspension and an incident must stop the service, and with a vendor's servers outside the campus the
    key in our zone is all that can be taken away.
    """
    facts = vars(row)  # annotated by `planned_records`
    return facts["is_suspended_by_portal"] and facts["suspended_by"] is None and not facts["is_in_incident"]


def listed(
    rows: Iterable[PlannedRecord], day: date, *, standing: Collection[str] = frozenset()
) -> list[Listed]:
    """The rows with what follows from each for the DNS team on `day`; `rows` must be all rows of their names.

    The permissions with a reference in `standing` count as in force, whatever their days say.
    """
    judged: list[tuple[PlannedRecord, Removal | None, Removal | None]] = []
    needed: dict[tuple[str, str, str], str] = {}
    for row in rows:
        reference = row.authorization.grant.reference
        end = None if reference in standing else end_of(row, day)
        removal = end or doubt_of(row)
        judged.append((row, end, removal))
        if removal is None:
            needed.setdefault(_identity(row), reference)
    return [
        Listed(row, end, removal, needed.get(_identity(row), "") if removal is not None else "", day)
        for row, end, removal in judged
    ]


# ---------------------------------------------------------------- kept with a release
_MOMENTS = ("state_since", "seen_at", "doubted_at")
_KEPT = (
    "purpose",
    "name",
    "rdtype",
    "value",
    "state",
    "is_there",
    "found",
    "note",
    "publish",
    "lookups",
    "alarm",
    "alarm_note",
    *_MOMENTS,
)


def facts_of(row: PlannedRecord) -> dict[str, Any]:
    """What the export writes of a record, as values that `rows_of` reads again from JSON."""
    return {name: getattr(row, name) for name in _KEPT}


def rows_of(facts: Mapping[str, Any]) -> list[PlannedRecord]:
    """The records of a permission as they were kept with a release, when its rows may be gone; nothing is saved."""
    grant = Grant(
        kind="senders",
        reference=facts["reference"],
        owner=User(email=facts["owner"]),
        state=facts["state"],
        ends_on=date.fromisoformat(facts["ends_on"]),
    )
    authorization = SenderAuthorization(grant=grant)
    rows = []
    for kept in facts["records"]:
        columns = dict(kept)
        for name in _MOMENTS:
            moment = columns[name]
            columns[name] = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        rows.append(PlannedRecord(authorization=authorization, **columns))
    return rows


def _identity(row: PlannedRecord) -> tuple[str, str, str]:
    return row.name.lower(), row.rdtype, row.value


def lists_for(actor: User, day: date) -> Lists:
    """The DNS team's lists; empty for whoever may not read them."""
    lists = Lists()
    if not (actor.is_active and actor.sees_everything):
        return lists
    for entry in listed(watched(day), day):
        if entry.row.alarm:
            lists.alarms.append(entry)
        if entry.is_to_go:
            lists.to_remove.append(entry)
        elif entry.is_stop:
            lists.stops.append(entry)
        elif entry.is_gone:
            lists.gone.append(entry)
        elif entry.is_to_add:
            lists.to_add.append(entry)
        elif entry.is_in_place:
            lists.in_place.append(entry)
    lists.to_remove.sort(key=lambda entry: (entry.removal.since if entry.removal else day, entry.row.pk))
    lists.gone.sort(key=lambda entry: entry.row.pk, reverse=True)
    return lists


def records_of_grant(grant: Grant, day: date) -> list[Listed]:
    """The records of one permission, what needs somebody first."""
    own = set(PlannedRecord.objects.filter(authorization_id=grant.pk).values_list("name", flat=True))
    rows = planned_records().filter(name__in=own)
    entries = [entry for entry in listed(rows, day) if entry.row.authorization_id == grant.pk]
    return sorted(entries, key=lambda entry: (not entry.row.alarm, not entry.is_stop, entry.row.pk))
