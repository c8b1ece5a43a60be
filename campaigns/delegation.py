"""Delegations: who decides for the CIO office, on which days, and on which requests of any kind."""

from datetime import date
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from campaigns.models import CampaignRequest, Delegation, DelegationScope
from portal.accounts.models import User, people_with_role
from portal.accounts.roles import Role
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.workflow.models import Part, ServiceRequest
from portal.workflow.policies import parts_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

KIND = "campaign"
ELIGIBLE = (Role.REVIEWER, Role.POSTMASTER)
"""Who may get a delegation. Reviewers see every request already, so that it adds the decision and no more access."""
LONGEST_DAYS = 366


def delegations_of(actor: User, today: date) -> list[Delegation]:
    """Return the delegations to `actor` in force today; queried once for each instance."""
    cached: tuple[date, list[Delegation]] | None = actor.__dict__.get("_campaign_delegations")
    if cached is None or cached[0] != today:
        # Few people have one and every page of a reviewer asks, so the cheap query comes first.
        mine = Delegation.objects.filter(given_to=actor, starts_on__lte=today, ends_on__gte=today)
        held = mine.filter(ended_at__isnull=True).values_list("pk", flat=True)
        cached = (today, list(in_force(today).filter(pk__in=list(held))) if held else [])
        actor.__dict__["_campaign_delegations"] = cached
    return cached[1]


def in_force(today: date) -> "QuerySet[Delegation]":
    """Return the delegations in force on `today` whose giver is still in the CIO office."""
    office = people_with_role([Role.CIO])
    return Delegation.objects.filter(
        starts_on__lte=today, ends_on__gte=today, ended_at__isnull=True, given_by__in=office
    ).select_related("given_by", "given_to")


def covers(delegation: Delegation, service_request: ServiceRequest) -> bool:
    """Whether the scope of a delegation includes a request."""
    if delegation.scope == DelegationScope.ALL:
        return True
    if service_request.kind != KIND:
        return False
    if delegation.scope == DelegationScope.CAMPAIGNS:
        return True
    return (delegation.scope == DelegationScope.SURVEYS) == CampaignRequest.of(service_request).is_survey


def is_the_offices(service_request: ServiceRequest) -> bool:
    """Whether the current or last stage of the request is one of the CIO office."""
    stage = service_request.current_stage
    return stage is not None and stage.role is Role.CIO


def capacity(service_request: ServiceRequest, actor: User) -> str:
    """ "for the CIO" where `actor` holds a delegation that covers the request at the office's own stage, else "".

    Nobody passes a request on as IT and then decides it for the CIO (four eyes).
    """
    if not is_the_offices(service_request) or not actor.has_role(*ELIGIBLE):
        return ""
    held = delegations_of(actor, timezone.localdate())
    if not held or _passed_it_on(service_request, actor):
        return ""
    fitting = next((one for one in held if covers(one, service_request)), None)
    return f"for the {institution().cio_office}, delegated by {fitting.given_by}"[:100] if fitting else ""


def deputies(service_request: ServiceRequest) -> list[User]:
    """Return the people who may decide the request for the office today, each once."""
    if not is_the_offices(service_request):
        return []
    held = in_force(timezone.localdate())
    people = {one.given_to.pk: one.given_to for one in held if one.given_to.is_active}
    return [person for person in people.values() if capacity(service_request, person)]


def _passed_it_on(service_request: ServiceRequest, actor: User) -> bool:
    # By the parts, which lists read for all their rows at once.
    return any(row.part == Part.DECIDER for row in parts_of(service_request, actor))


def may_delegate(actor: User) -> bool:
    """Whether `actor` may add and end delegations: the CIO office itself."""
    return actor.has_role(Role.CIO)


def may_see_queue(actor: User) -> bool:
    """Whether `actor` may see the CIO office's queue: the office, its delegates, and auditors, who only read."""
    is_delegate = actor.has_role(*ELIGIBLE) and bool(delegations_of(actor, timezone.localdate()))
    return actor.has_role(Role.CIO, Role.AUDITOR) or is_delegate


def candidates() -> "QuerySet[User]":
    """Return the people to whom the office may delegate."""
    office = people_with_role([Role.CIO]).values("pk")
    return people_with_role(ELIGIBLE).exclude(pk__in=office).order_by("name", "email")


@transaction.atomic
def delegate(
    *, actor: User, to: User, scope: DelegationScope, starts_on: date, ends_on: date, reason: str
) -> Delegation:
    """Let `to` decide for the office on the days from `starts_on` to `ends_on`, and return the delegation.

    Raises NotAllowed, or ValidationError keyed by field for wrong days, a wrong person or no reason.
    """
    if not may_delegate(actor):
        raise NotAllowed(f"Only the {institution().cio_office} delegates its decisions.")
    errors: dict[str, str] = {}
    if not candidates().filter(pk=to.pk).exists():
        errors["given_to"] = "Choose somebody in IT review who is not in the office."
    if ends_on < max(starts_on, timezone.localdate()):
        errors["ends_on"] = "The last day is before the first, or in the past."
    elif (ends_on - starts_on).days >= LONGEST_DAYS:
        errors["ends_on"] = "A delegation lasts at most a year. Choose an earlier last day."
    if not reason.strip():
        errors["reason"] = "Give a reason."
    if errors:
        raise ValidationError(errors)
    return Delegation.objects.create(
        given_by=actor, given_to=to, scope=scope, starts_on=starts_on, ends_on=ends_on, reason=reason.strip()
    )


def end(*, delegation: Delegation, actor: User) -> None:
    """End a delegation before its last day. Raises NotAllowed, or WrongState if it has ended."""
    if not may_delegate(actor):
        raise NotAllowed(f"Only the {institution().cio_office} ends delegations.")
    rows = Delegation.objects.filter(
        pk=delegation.pk, ended_at__isnull=True, ends_on__gte=timezone.localdate()
    ).update(ended_at=timezone.now())
    if rows != 1:
        raise WrongState("This delegation has already ended.")
