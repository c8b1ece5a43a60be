"""Queries about campaigns: bookings for the calendar, standings, sender authorizations, and the CIO queue."""

from collections.abc import Iterable, Mapping
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from campaigns.models import CampaignPermission, CampaignRequest, StopProposal
from campaigns.standing import SENDERS, CampaignStanding, InWords, standing_of
from portal.accounts.models import DirectoryAddress, User
from portal.accounts.roles import Role
from portal.grants.models import Grant, GrantQuerySet
from portal.grants.states import GrantState
from portal.sending_calendar.labels import population_labels
from portal.sending_calendar.windows import Booking, Window
from portal.ui.moments import day_in_words
from portal.workflow.models import ServiceRequest
from portal.workflow.states import LIVE_STATES, State

KEY = "campaign"
MOST_SHOWN = 50
_HELD = (GrantState.ACTIVE, GrantState.SUSPENDED)


def pending() -> QuerySet[CampaignRequest]:
    """Return the campaigns in review whose window is answered."""
    return (
        CampaignRequest.objects.filter(
            service_request__state__in=LIVE_STATES, first_send_on__isnull=False, last_send_on__isnull=False
        )
        .select_related("service_request")
        .prefetch_related("audiences")
    )


def permitted() -> QuerySet[CampaignPermission]:
    """Return all campaign permissions, in any state."""
    return CampaignPermission.objects.select_related("grant").prefetch_related("audiences")


def bookings(
    *, first: date | None = None, last: date | None = None, leave_out: ServiceRequest | None = None
) -> list[Booking]:
    """Return the campaigns on the calendar between two days (`portal.sending_calendar.bookings`), approved ones first."""
    waiting, granted = pending(), permitted()
    if first is not None:
        waiting, granted = waiting.filter(last_send_on__gte=first), granted.filter(grant__ends_on__gte=first)
    if last is not None:
        waiting, granted = waiting.filter(first_send_on__lte=last), granted.filter(grant__starts_on__lte=last)
    if leave_out is not None:
        waiting = waiting.exclude(service_request=leave_out)
        granted = granted.exclude(
            Q(grant__request=leave_out) | Q(grant__later_requests__service_request=leave_out)
        )
    return [*map(_granted_booking, granted), *map(_pending_booking, waiting)]


def _granted_booking(permission: CampaignPermission) -> Booking:
    grant = permission.grant
    populations = frozenset(row.population for row in permission.audiences.all())
    return Booking(
        reference=grant.reference,
        title=grant.title,
        unit=permission.sender_of_record,
        kind_label=permission.get_kind_display(),
        window=Window(grant.starts_on, grant.ends_on, populations, permission.is_survey),
        is_approved=True,
        takes_days=grant.state in _HELD,
        counts=grant.state in _HELD or grant.starts_on <= timezone.localdate(grant.state_changed_at),
        request_id=grant.latest_request_id,
        people=population_labels(populations),
    )


def _pending_booking(detail: CampaignRequest) -> Booking:
    assert detail.first_send_on is not None
    assert detail.last_send_on is not None
    populations = frozenset(row.population for row in detail.audiences.all())
    return Booking(
        reference=detail.service_request.reference,
        title=detail.service_request.title,
        unit=detail.sender_of_record,
        kind_label=detail.get_kind_display(),
        window=Window(detail.first_send_on, detail.last_send_on, populations, detail.is_survey),
        is_approved=False,
        request_id=detail.service_request_id,
        people=population_labels(populations),
    )


# ---------------------------------------------------------------- standings
def judged() -> QuerySet[CampaignPermission]:
    """Return campaign permissions with everything that `standing` needs; one query for any number of them."""
    over = StopProposal.objects.filter(permission=OuterRef("pk"), answered_at__isnull=True)
    rows = CampaignPermission.objects.select_related("grant__latest_request__campaign", "sender_grant")
    return rows.annotate(is_over_limit=Exists(over))


def standing(
    permission: CampaignPermission, today: date | None = None, *, in_words: InWords = day_in_words
) -> CampaignStanding:
    """Return the standing of a row of `judged` today, or on `today`; `in_words` formats its days."""
    return standing_of(
        permission,
        today or timezone.localdate(),
        from_address=permission.grant.latest_request.campaign.from_address,
        is_over_limit=permission.is_over_limit,  # type: ignore[attr-defined]  # annotated by `judged`
        in_words=in_words,
    )


def standings(grants: Iterable[Grant]) -> Mapping[int, CampaignStanding]:
    """Return the standing of each campaign grant today, by primary key; one query."""
    rows = judged().filter(pk__in=[grant.pk for grant in grants])
    return {row.pk: standing(row) for row in rows}


# ---------------------------------------------------------------- sender authorizations
def sender_grants() -> GrantQuerySet:
    """Return the sender authorizations in force today."""
    return Grant.objects.in_force(timezone.localdate()).filter(kind=SENDERS).order_by("title", "reference")


def usable_sender_grants(actor: User) -> GrantQuerySet:
    """Return those that `actor` may use for a campaign: their own, and those of people in their department.

    The directory decides who is in which department; what a person enters in a form does not.
    """
    mine = Q(owner=actor) | Q(co_owner=actor)
    colleagues = _colleagues_of(actor)
    if colleagues is not None:
        mine |= Q(owner__is_active=True, owner__email__in=colleagues)
    return sender_grants().filter(mine)


def may_use_sender_grant(grant: Grant, actor: User) -> bool:
    """Whether `actor` may use this sender authorization in a campaign, in whatever state it is."""
    if actor.pk in (grant.owner_id, grant.co_owner_id):
        return True
    colleagues = _colleagues_of(actor)
    return (
        colleagues is not None
        and grant.owner.is_active
        and colleagues.filter(address=grant.owner.email).exists()
    )


def _colleagues_of(actor: User) -> QuerySet[DirectoryAddress, str] | None:
    """Return the addresses in the actor's department; None if the directory has no department for the actor."""
    known = DirectoryAddress.objects.filter(gone_at__isnull=True)
    department = known.filter(address=actor.email).values_list("department", flat=True).first()
    if not department:
        return None
    return known.filter(department__iexact=department).values_list("address", flat=True)


def campaigns_under(grant: Grant) -> list[CampaignPermission]:
    """Return the approved campaigns that send under a sender authorization, the latest window first."""
    return list(judged().filter(sender_grant=grant).order_by("-grant__ends_on", "-pk")[:MOST_SHOWN])


def pending_under(grant: Grant) -> list[CampaignRequest]:
    """Return the campaign requests in review that would send under a sender authorization."""
    waiting = CampaignRequest.objects.filter(sender_grant=grant, service_request__state__in=LIVE_STATES)
    return list(waiting.select_related("service_request").order_by("service_request_id")[:MOST_SHOWN])


def cio_queue() -> QuerySet[ServiceRequest]:
    """Return the campaigns that wait for the CIO office, the first due first."""
    live = ServiceRequest.objects.filter(kind=KEY, state__in=LIVE_STATES, stage="cio")
    return live.select_related("requester", "assignee", "campaign").order_by("due_on", "id")


def waiting_for_the_office() -> QuerySet[ServiceRequest]:
    """Return the requests of every kind at a stage of the CIO office, the first due first."""
    live = ServiceRequest.objects.filter(state__in=LIVE_STATES, stage_role=str(Role.CIO))
    return live.select_related("requester", "assignee").order_by("due_on", "id")


def other_requests() -> QuerySet[ServiceRequest]:
    """Return those of them that are not campaigns, such as large-volume relay mail (MKT-4)."""
    return waiting_for_the_office().exclude(kind=KEY)


def over_limit() -> "QuerySet[StopProposal]":
    """Return the open stop proposals of campaigns over a stop limit, the oldest first."""
    waiting = StopProposal.objects.filter(answered_at__isnull=True)
    return waiting.select_related("permission__grant").order_by("id")


def before_cio() -> QuerySet[ServiceRequest]:
    """Return the campaigns in an earlier stage, which the CIO office gets next."""
    live = ServiceRequest.objects.filter(kind=KEY, state=State.IN_REVIEW).exclude(stage="cio")
    return live.select_related("requester", "campaign").order_by("campaign__first_send_on", "id")


def decided() -> QuerySet[ServiceRequest]:
    """Return the decided campaigns, the newest first."""
    closed = ServiceRequest.objects.filter(kind=KEY, state__in=(State.APPROVED, State.DENIED))
    return closed.select_related("requester").order_by("-closed_at", "-id")
