"""Queries for the pages of grants."""

from datetime import date, timedelta

from django.db.models import Case, IntegerField, Q, Value, When

from portal.accounts.models import User
from portal.grants import publication
from portal.grants.models import Grant, GrantEvent, GrantQuerySet, Handover
from portal.grants.panels import ROW_NOTES
from portal.grants.publication import Reach, Status
from portal.grants.states import OPEN_STATES, GrantState
from portal.institution import institution
from portal.workflow.kinds import TERM
from portal.workflow.models import Intention, ServiceRequest, Snapshot
from portal.workflow.selectors import cuts_of


def grant_of(service_request: ServiceRequest) -> Grant | None:
    """The grant that a request led to, or that it asks to renew or change."""
    # Two queries instead of one with OR, for which PostgreSQL would read every grant.
    if service_request.intention == Intention.NEW:
        return Grant.objects.filter(request=service_request).first()
    return Grant.objects.filter(later_requests__service_request=service_request).first()


def answers_in_force(service_request: ServiceRequest) -> list[dict[str, str]]:
    """The answers of the approved request behind the grant that `service_request` is about; none for a new one."""
    newest = (
        Snapshot.objects.filter(
            service_request__in=Grant.objects.filter(later_requests__service_request=service_request).values(
                "latest_request"
            )
        )
        .order_by("-id")
        .first()
    )
    return _as_granted(newest) if newest else []


def _as_granted(asked: Snapshot) -> list[dict[str, str]]:
    """The answers with what the approval reduced: a renewal that keeps them changes nothing."""
    cuts = {cut.field: cut for cut in cuts_of(asked.service_request_id) if cut.field != TERM}
    answers = [
        answer | {"value": cuts.pop(answer["field"]).after} if answer["field"] in cuts else answer
        for answer in asked.answers
    ]
    return answers + [{"field": cut.field, "label": cut.label, "value": cut.after} for cut in cuts.values()]


def my_grants(actor: User, today: date) -> GrantQuerySet:
    """The actor's grants, those that need action first: offered, ending soon, then by their end; closed last."""
    soon = today + timedelta(days=institution().renewal_opens_days)
    rank = Case(
        When(handovers__offered_to=actor, handovers__closed_at__isnull=True, then=Value(0)),
        When(state=GrantState.SUSPENDED, then=Value(1)),
        When(state=GrantState.ACTIVE, ends_on__lte=soon, held_open_by__isnull=True, then=Value(1)),
        When(state__in=OPEN_STATES, then=Value(2)),
        When(state=GrantState.LAPSED, then=Value(3)),
        default=Value(4),
        output_field=IntegerField(),
    )
    offered = Q(handovers__offered_to=actor, handovers__closed_at__isnull=True)
    mine = Grant.objects.filter(Q(owner=actor) | Q(co_owner=actor) | offered)
    return mine.annotate(rank=rank).order_by("rank", "ends_on", "pk").select_related("owner").distinct()


MOST_OFFERS = 10


def offers_to(actor: User) -> list[Handover]:
    """The offers of permissions that wait for the actor's answer, oldest first, at most ten."""
    waiting = Handover.objects.filter(offered_to=actor, closed_at__isnull=True, grant__state__in=OPEN_STATES)
    return list(waiting.select_related("grant", "offered_by").order_by("offered_at")[:MOST_OFFERS])


def with_notes(grants: list[Grant]) -> list[Grant]:
    """`grants`, each with a `note` of another app and with `reach_words`. A few queries, however many they are."""
    notes: dict[int, str] = {}
    for notes_of in ROW_NOTES:
        notes |= notes_of(grants)
    for grant in grants:
        grant.__dict__["note"] = notes.get(grant.pk, "")
    return with_reach(grants)


def with_reach(grants: list[Grant]) -> list[Grant]:
    """`grants`, each with how far it got in `reach_words`, "" where its state says all. A few queries in all."""
    found = publication.statuses(grants)
    for grant in grants:
        grant.__dict__["reach_words"] = _reach_words(grant, found[grant.reference])
    return grants


def _reach_words(grant: Grant, status: Status) -> str:
    if status.reason and status.reach not in (Reach.RELEASED, Reach.OUT):
        return status.sentence
    return "" if status.label == grant.get_state_display() else status.label


def grant_timeline(grant: Grant) -> list[GrantEvent]:
    """The grant's events with their actors, oldest first."""
    return list(grant.events.select_related("actor"))
