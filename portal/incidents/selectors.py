"""Queries for the pages of incidents."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, Count, F, IntegerField, Q, Value, When
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.selectors import with_reach
from portal.grants.states import GrantState
from portal.grants.subjects import Subject, in_chunks
from portal.incidents.forms import subject_of
from portal.incidents.models import About, Incident, IncidentGrant, Result
from portal.incidents.search import Matches, pending_about, permissions_about
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.states import LIVE_STATES

SHOWN = 100
"""Rows on one page of a list."""
_FACTS = ("pk", "kind", "state", "owner_id", "co_owner_id", "held_open_by_id", "starts_on")


@dataclass(frozen=True)
class MatchRow:
    """One permission that was found: why, what is special about it, and whether it is chosen."""

    grant: Grant
    why: str
    exception: str
    is_dependent: bool
    is_chosen: bool

    @property
    def group(self) -> str:
        """The heading under which it stands."""
        if self.is_dependent:
            return "These depend on them"
        return "Look at these first" if self.exception else "In force"


@dataclass(frozen=True)
class MatchPage:
    """One page of the permissions found: exceptions first, then dependent ones, then the others."""

    rows: Sequence[MatchRow]
    number: int
    pages: int
    total: int
    chosen: int
    counts: Sequence[tuple[str, int]]
    """How many of which kind, in words."""

    @property
    def first(self) -> int:
        """The number of its first row, from 1."""
        return (self.number - 1) * SHOWN + 1

    @property
    def last(self) -> int:
        """The number of its last row."""
        return self.first + len(self.rows) - 1


def match_page(
    found: Matches, *, actor: User, chosen: Collection[int], number: int = 1, today: date | None = None
) -> MatchPage:
    """Page `number` (from 1, kept inside what there is) of what was found, with what is `chosen` marked."""
    day = today or timezone.localdate()
    exceptions, kinds = _exceptions(found.everything, actor, day), _kinds_of(found.everything)

    def place(pk: int) -> tuple[int, int]:
        if pk in found.dependent:
            return 1, pk
        return (0 if exceptions[pk] else 2), pk

    ordered = sorted(exceptions, key=place)
    pages = max(1, -(-len(ordered) // SHOWN))
    number = min(max(number, 1), pages)
    shown = ordered[(number - 1) * SHOWN : number * SHOWN]
    grants = Grant.objects.select_related("owner", "co_owner", "held_open_by").in_bulk(shown)
    whys = found.everything
    rows = [
        MatchRow(grants[pk], whys[pk], exceptions[pk], pk in found.dependent, pk in chosen)
        for pk in shown
        if pk in grants
    ]
    return MatchPage(rows, number, pages, len(ordered), len(chosen), kinds)


def _facts(keys: Mapping[int, str]) -> "list[tuple[int, str, str, int, int | None, int | None, date]]":
    return [
        row for piece in in_chunks(keys) for row in Grant.objects.filter(pk__in=piece).values_list(*_FACTS)
    ]


def _exceptions(keys: Mapping[int, str], actor: User, today: date) -> dict[int, str]:
    """What is special about each permission, in a sentence; "" if nothing is."""
    said = {}
    for pk, _, state, owner, co_owner, holder, starts_on in _facts(keys):
        if actor.pk in (owner, co_owner):
            said[pk] = "It is yours: somebody else has to suspend it."
        elif state == GrantState.SUSPENDED:
            said[pk] = "It is suspended already."
        elif state == GrantState.UNPROVEN:
            said[pk] = "It is approved and waits for its proof."
        elif holder is not None:
            said[pk] = "A renewal that is being decided holds it open."
        elif starts_on > today:
            said[pk] = f"It begins on {starts_on:%b} {starts_on.day}, {starts_on.year}."
        else:
            said[pk] = ""
    return said


def _kinds_of(keys: Mapping[int, str]) -> list[tuple[str, int]]:
    counted = Counter(
        kind
        for piece in in_chunks(keys)
        for kind in Grant.objects.filter(pk__in=piece).values_list("kind", flat=True)
    )
    return [(kind.label, counted[kind.key]) for kind in registry.kinds() if counted[kind.key]]


@dataclass(frozen=True)
class Pending:
    """The requests in review that would allow it: the first of them, and how many there are."""

    rows: Sequence[tuple[ServiceRequest, str, str]]
    """(the request, why, the permission it holds open or is about, in words)."""
    total: int


def pending_rows(found: Mapping[int, str]) -> Pending:
    """The requests, the earliest due first."""
    shown = sorted(found)[:SHOWN]
    requests = (
        ServiceRequest.objects.filter(pk__in=shown)
        .select_related("requester", "about_grant__grant")
        .annotate(holds=Count("holds_open"))
        .order_by("due_on", "pk")
    )
    return Pending([(one, found[one.pk], _about_grant(one)) for one in requests], len(found))


def _about_grant(service_request: ServiceRequest) -> str:
    about = getattr(service_request, "about_grant", None)
    if about is None:
        return ""
    holds = getattr(service_request, "holds", 0)
    return f"{'holds' if holds else 'is about'} {about.grant.reference}{' open' if holds else ''}"


def recent_incidents(actor: User) -> "Sequence[Incident]":
    """The newest incidents with how many permissions each is about; those that are open first."""
    rows = Incident.objects.visible_to(actor).select_related("opened_by").annotate(grants=Count("rows"))
    return list(rows.order_by(F("closed_at").desc(nulls_first=True), "-id")[:SHOWN])


@dataclass(frozen=True)
class IncidentPage:
    """One page of an incident's permissions, exceptions first, with the counts of all."""

    rows: Sequence[IncidentGrant]
    number: int
    pages: int
    total: int
    waiting: int
    suspended: int
    """How many are suspended now."""


def incident_rows(incident: Incident, number: int = 1) -> IncidentPage:
    """The permissions of an incident with their current state; those that it did not suspend come first."""
    suspended_now = Q(grant__state=GrantState.SUSPENDED)
    counts = incident.rows.aggregate(
        total=Count("pk"),
        waiting=Count("pk", filter=Q(result=Result.WAITING)),
        suspended=Count("pk", filter=suspended_now),
    )
    rank = Case(
        When(result=Result.LEFT, then=Value(0)),
        When(result=Result.WAITING, then=Value(1)),
        When(result=Result.SUSPENDED, then=Value(3)),
        default=Value(2),
        output_field=IntegerField(),
    )
    pages = max(1, -(-counts["total"] // SHOWN))
    number = min(max(number, 1), pages)
    rows = incident.rows.select_related("grant", "grant__owner", "grant__co_owner").order_by(rank, "pk")
    shown = list(rows[(number - 1) * SHOWN : number * SHOWN])
    with_reach([row.grant for row in shown])
    return IncidentPage(shown, number, pages, **counts)


def requests_about(incident: Incident) -> Pending:
    """The requests in review that an open incident concerns; none once it is closed."""
    if not incident.is_open:
        return Pending([], 0)
    subject = searched_subject(incident)
    return pending_rows(pending_about(subject) if subject is not None else {})


def searched_subject(incident: Incident) -> Subject | None:
    """The subject of an incident; None if no current parser accepts its text."""
    try:
        return subject_of(About(incident.about), incident.subject)
    except ValueError:
        return None


def matches_since(incident: Incident) -> Matches:
    """The permissions that the subject concerns now and that are not part of the incident, such as later approvals."""
    subject = searched_subject(incident)
    found = permissions_about(subject) if subject is not None else Matches({})
    known = set(incident.rows.values_list("grant_id", flat=True))
    return Matches(
        {pk: why for pk, why in found.direct.items() if pk not in known},
        {pk: why for pk, why in found.dependent.items() if pk not in known},
        found.pending,
    )


def panel_of(grant: Grant) -> Incident | None:
    """The open incident for which a grant is suspended; None for others, without a query."""
    if grant.state != GrantState.SUSPENDED:
        return None
    return Incident.objects.filter(rows__grant=grant, closed_at__isnull=True).order_by("-id").first()


MOST_OPEN = 20
"""The newest open incidents, to compare a request with."""


def incidents_against(service_request: ServiceRequest) -> list[tuple[Incident, str]]:
    """The open incidents that concern what a request in review asks for, each with the reason. One query if no
    incident is open, which is the usual case.
    """
    if service_request.state not in LIVE_STATES:
        return []
    against = []
    for incident in Incident.objects.filter(closed_at__isnull=True).order_by("-id")[:MOST_OPEN]:
        subject = searched_subject(incident)
        why = pending_about(subject).get(service_request.pk) if subject is not None else None
        if why:
            against.append((incident, why))
    return against
