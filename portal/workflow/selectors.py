"""What the engine's screens read: lists that cost the same at ten rows and at a hundred thousand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q, QuerySet, Subquery
from django.utils import timezone

from portal.accounts.models import User, people_with_role
from portal.accounts.roles import DECIDERS, Role
from portal.institution import institution
from portal.workflow.models import (
    CheckRun,
    Event,
    FieldChange,
    Question,
    SearchTerm,
    ServiceRequest,
    StoredFinding,
    Visibility,
)
from portal.workflow.policies import may_read_internal
from portal.workflow.querysets import ServiceRequestQuerySet
from portal.workflow.states import LIVE_STATES, Action, State

PAGE_SIZE = 25
COUNT_CAP = 1000
TABS = (
    ("mine", "Mine"),
    ("role", "My stage"),
    ("unassigned", "Unassigned"),
    ("overdue", "Overdue"),
    ("all", "All"),
)


@dataclass(frozen=True)
class QueueFilters:
    """What the queue is narrowed by; every value comes from the URL."""

    tab: str = "role"
    kind: str = ""
    state: str = ""
    stage: str = ""
    department: str = ""
    assignee: int | None = None
    older_than_days: int | None = None
    query: str = ""
    sort: str = "due"


@dataclass(frozen=True)
class Page:
    """One page of a keyset-paginated list: its rows and the keys of its neighbours."""

    rows: list[ServiceRequest]
    after: str
    before: str


def filed_earlier(prefix: str, service_request: ServiceRequest) -> Q:
    """Rows whose request, reached by the lookup `prefix` ("" or ending in "__"), was submitted before this one.

    A draft comes after all that were submitted. Two that ask for the same thing are told apart by it, so that of
    two only the later one is barred.
    """
    others = ~Q(**{f"{prefix}pk": service_request.pk})
    at = service_request.submitted_at
    if at is None:
        return others
    same_moment = Q(**{f"{prefix}submitted_at": at, f"{prefix}pk__lt": service_request.pk})
    return others & (Q(**{f"{prefix}submitted_at__lt": at}) | same_moment)


def my_requests(actor: User) -> ServiceRequestQuerySet:
    """The requests that the actor asked for, co-owns or sponsors, newest first."""
    own = Q(requester=actor) | Q(co_owner=actor) | (Q(sponsor=actor) & Q(submitted_at__isnull=False))
    return ServiceRequest.objects.with_people().filter(own).order_by("-id")


def tab_queue(actor: User, tab: str, today: date) -> ServiceRequestQuerySet:
    """The open requests under one tab of the queue; under "all", the closed ones as well."""
    return _tab(actor, tab, today, ServiceRequest.objects.filter(state__in=LIVE_STATES))


def _tab(actor: User, tab: str, today: date, live: ServiceRequestQuerySet) -> ServiceRequestQuerySet:
    # Who sees everything sees every live request; the shorter condition is one that an index answers.
    if not actor.sees_everything:
        live = live.visible_to(actor)
    if tab == "mine":
        return live.filter(assignee=actor)
    if tab == "role":
        return live.decidable_by(actor)
    if tab == "unassigned":
        return live.filter(assignee__isnull=True)
    if tab == "overdue":
        return live.filter(state=State.IN_REVIEW, due_on__lt=today)
    submitted = ServiceRequest.objects.filter(submitted_at__isnull=False)
    return submitted if actor.sees_everything else submitted.visible_to(actor)


def queue(actor: User, filters: QueueFilters) -> ServiceRequestQuerySet:
    """The queue under a tab and its filters."""
    # A state is named once: PostgreSQL would multiply "is live" by "is in review", expect a twentieth of the rows
    # and read them all to sort, instead of the first 26 by their day.
    live = ServiceRequest.objects.filter(
        **({"state": filters.state} if filters.state else {"state__in": LIVE_STATES})
    )
    if filters.state and filters.state not in LIVE_STATES and filters.tab != "all":
        live = live.none()
    rows = _tab(actor, filters.tab, timezone.localdate(), live)
    if filters.tab == "all" and (filters.state or filters.sort == "due"):
        rows &= live
    for name in ("kind", "stage", "department"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    if filters.assignee is not None:
        rows = rows.filter(assignee_id=filters.assignee)
    if filters.older_than_days is not None:
        rows = rows.filter(submitted_at__lt=timezone.now() - timedelta(days=filters.older_than_days))
    if filters.query:
        rows = rows.filter(pk__in=found_by(filters.query))
    return rows


def found_by(query: str) -> QuerySet[SearchTerm, int]:
    """The ids of requests that have a word beginning with `query`."""
    term = query.strip().lower()
    return SearchTerm.objects.filter(term__startswith=term).values_list("service_request_id", flat=True)


def tab_counts(actor: User) -> Mapping[str, int]:
    """How many requests each tab has, in one query, each capped at COUNT_CAP + 1."""
    sql, values = _counts(actor, actor.roles, timezone.localdate(), institution().one_person_one_stage)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    return dict(zip((tab for tab, _ in TABS), row, strict=True))


@lru_cache(maxsize=256)
def _counts(
    actor: User, roles: frozenset[Role], today: date, one_person_one_stage: bool
) -> tuple[str, list[Any]]:
    """The statement of `tab_counts`. It hangs on these four alone, and making it costs more than running it."""
    counts = [_counted(tab_queue(actor, tab, today)) for tab, _ in TABS]
    return f"SELECT {', '.join(sql for sql, _ in counts)}", [
        value for _, values in counts for value in values
    ]


def decider_choices() -> list[tuple[int, str]]:
    """(id, name) of those who may have requests assigned, for the filter; a minute old at most."""
    return cache.get_or_set("queue-deciders", _decider_choices, 60) or []


def _decider_choices() -> list[tuple[int, str]]:
    return [(person.pk, str(person)) for person in people_with_role(DECIDERS).only("name", "email")]


def _counted(rows: ServiceRequestQuerySet) -> tuple[str, Sequence[Any]]:
    # Joined by hand: annotating a row with these subqueries costs Django more than counting costs PostgreSQL.
    ids = rows.order_by().values("pk")[: COUNT_CAP + 1]
    try:
        sql, values = ids.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return "0", ()
    return f"(SELECT COUNT(*) FROM ({sql}) counted)", values  # noqa: S608 - Django's SQL; its values are apart


def page_of(rows: ServiceRequestQuerySet, *, sort: str, after: str = "", before: str = "") -> Page:
    """One page after or before a key. Keys are `<id>` or `<due day>_<id>`; a malformed one gives the first page."""
    backwards = bool(before)
    key = _parse_key(before or after, sort)
    ordered = _ordered(rows, sort, reverse=backwards)
    if key is not None:
        ordered = ordered.filter(_beyond(key, sort, reverse=backwards))
    # The keys first, from the index alone: people are joined to the rows of one page, whatever the planner expects.
    keys = ordered.values("pk")[: PAGE_SIZE + 1]
    found = list(ServiceRequest.objects.filter(pk__in=keys).as_rows().order_by(*ordered.query.order_by))
    more = len(found) > PAGE_SIZE
    found = found[:PAGE_SIZE]
    if backwards:
        found.reverse()
    has_previous = more if backwards else key is not None
    has_next = key is not None if backwards else more
    return Page(
        rows=found,
        after=_key_of(found[-1], sort) if found and has_next else "",
        before=_key_of(found[0], sort) if found and has_previous else "",
    )


def _ordered(rows: ServiceRequestQuerySet, sort: str, *, reverse: bool) -> ServiceRequestQuerySet:
    if sort == "due":
        # Of live requests: every one has its day, and no other has.
        return rows.order_by("-due_on", "-id") if reverse else rows.order_by("due_on", "id")
    newest_first = (sort == "newest") != reverse
    return rows.order_by("-id" if newest_first else "id")


def _beyond(key: tuple[date | None, int], sort: str, *, reverse: bool) -> Q:
    day, pk = key
    if sort == "due":
        compare = "lt" if reverse else "gt"
        # (due_on, id) beyond (day, pk), said so that an index begins at the day instead of joining two scans.
        rest = Q(**{f"due_on__{compare}": day}) | Q(**{f"id__{compare}": pk})
        return Q(**{f"due_on__{compare}e": day}) & rest
    lower = (sort == "newest") != reverse
    return Q(id__lt=pk) if lower else Q(id__gt=pk)


def _key_of(row: ServiceRequest, sort: str) -> str:
    return f"{row.due_on}_{row.pk}" if sort == "due" else str(row.pk)


def _parse_key(text: str, sort: str) -> tuple[date | None, int] | None:
    day, _, pk = text.rpartition("_")
    try:
        return (date.fromisoformat(day) if sort == "due" else None), int(pk)
    except ValueError:
        return None


# ---------------------------------------------------------------- one request
def timeline(service_request: ServiceRequest, actor: User) -> list[Event]:
    """The request's events with their actors and changes, oldest first, as far as the actor may read them."""
    events = service_request.events.select_related("actor").prefetch_related("changes")
    if not may_read_internal(actor):
        events = events.filter(visibility=Visibility.PUBLIC)
    return list(events)


def cuts_of(service_request_id: int) -> list[FieldChange]:
    """What the approval of the request left out of what was asked for (`before`), and what it granted (`after`)."""
    of_the_request = FieldChange.objects.filter(event__service_request_id=service_request_id)
    return list(of_the_request.filter(event__action=Action.APPROVE))


def newest_findings(service_request: ServiceRequest) -> list[StoredFinding]:
    """The findings of the newest run, with the run; for a closed request that is the frozen evidence."""
    newest = CheckRun.objects.filter(service_request=service_request).order_by("-id").values("pk")[:1]
    return list(StoredFinding.objects.filter(run_id=Subquery(newest)).select_related("run"))


def questions(service_request: ServiceRequest) -> list[Question]:
    """What reviewers asked, with the people and their answers, oldest first."""
    return list(service_request.questions.select_related("asked_by", "answered_by"))


def waived_rules(service_request: ServiceRequest, findings: Sequence[StoredFinding]) -> Mapping[str, Any]:
    """The waivers of the request by rule; asks the database only where a finding could be waived."""
    if not any(finding.waivable for finding in findings):
        return {}
    return {waiver.rule: waiver for waiver in service_request.waivers.select_related("waived_by")}


def oldest_waiting(actor: User) -> ServiceRequest | None:
    """The request in the actor's queue that is due first."""
    return (
        tab_queue(actor, "role", timezone.localdate())
        .order_by(F("due_on").asc(nulls_last=True), "id")
        .first()
    )
