"""What the rules, the calendar and the CIO's desk read."""

from collections.abc import Iterable, Mapping
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from campaigns.models import CampaignPermission, CampaignRequest, StopProposal
from campaigns.standing import SENDERS, InWords, Standing, standing_of
from portal.accounts.models import DirectoryAddress, User
from portal.grants.models import Grant, GrantQuerySet
from portal.grants.states import GrantState
from portal.sending_calendar.windows import Booking, Window
from portal.sending_calendar.words import labels_of
from portal.ui.moments import day_in_words
from portal.workflow.models import ServiceRequest
from portal.workflow.states import LIVE_STATES, State

KEY = "campaign"
MOST_SHOWN = 50
_HELD = (GrantState.ACTIVE, GrantState.SUSPENDED)


def pending() -> QuerySet[CampaignRequest]:
    """The campaigns that wait for a decision and have their days."""
    return (
        CampaignRequest.objects.filter(
            service_request__state__in=LIVE_STATES, first_send_on__isnull=False, last_send_on__isnull=False
        )
        .select_related("service_request")
        .prefetch_related("audiences")
    )


def permitted() -> QuerySet[CampaignPermission]:
    """What was granted, of any state."""
    return CampaignPermission.objects.select_related("grant").prefetch_related("audiences")


def bookings(
    *, first: date | None = None, last: date | None = None, leave_out: ServiceRequest | None = None
) -> list[Booking]:
    """The campaigns on the calendar between two days, approved ones first; `leave_out` with the grant it is about."""
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


def booking_of(service_request: ServiceRequest) -> Booking | None:
    """The request's own place on the calendar; None while it has no days."""
    detail = CampaignRequest.objects.select_related("service_request").prefetch_related("audiences")
    row = detail.get(service_request=service_request)
    return _pending_booking(row) if row.first_send_on and row.last_send_on else None


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
        people=labels_of(populations),
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
        people=labels_of(populations),
    )


# ---------------------------------------------------------------- what may be sent now
def judged() -> QuerySet[CampaignPermission]:
    """Campaign permissions with all that their standing rests on: one query, whatever their number."""
    over = StopProposal.objects.filter(permission=OuterRef("pk"), answered_at__isnull=True)
    rows = CampaignPermission.objects.select_related("grant__latest_request__campaign", "sender_grant")
    return rows.annotate(is_over_limit=Exists(over))


def standing(
    permission: CampaignPermission, today: date | None = None, *, in_words: InWords = day_in_words
) -> Standing:
    """The standing today, or on `today`, of a row of `judged`; `in_words` writes its days."""
    return standing_of(
        permission,
        today or timezone.localdate(),
        from_address=permission.grant.latest_request.campaign.from_address,
        is_over_limit=permission.is_over_limit,  # type: ignore[attr-defined]  # annotated by `judged`
        in_words=in_words,
    )


def standings(grants: Iterable[Grant]) -> Mapping[int, Standing]:
    """The standing of each of these campaign grants today, by key; one query."""
    rows = judged().filter(pk__in=[grant.pk for grant in grants])
    return {row.pk: standing(row) for row in rows}


# ---------------------------------------------------------------- sender authorizations
def sender_grants() -> GrantQuerySet:
    """The sender authorizations in force today."""
    return Grant.objects.in_force(timezone.localdate()).filter(kind=SENDERS).order_by("title", "reference")


def usable_sender_grants(actor: User) -> GrantQuerySet:
    """Those that `actor` may use for a campaign: their own, and those of people of their department (E16).

    The department is the directory's, of both: what somebody wrote on a form proves nothing.
    """
    mine = Q(owner=actor) | Q(co_owner=actor)
    colleagues = _colleagues_of(actor)
    if colleagues is not None:
        mine |= Q(owner__is_active=True, owner__email__in=colleagues)
    return sender_grants().filter(mine)


def may_use_sender_grant(grant: Grant, actor: User) -> bool:
    """Whether `actor` may name this sender authorization in a campaign, whatever its state."""
    if actor.pk in (grant.owner_id, grant.co_owner_id):
        return True
    colleagues = _colleagues_of(actor)
    return (
        colleagues is not None
        and grant.owner.is_active
        and colleagues.filter(address=grant.owner.email).exists()
    )


def _colleagues_of(actor: User) -> QuerySet[DirectoryAddress, str] | None:
    """The addresses of the people of the actor's department; None where the directory names none for the actor."""
    known = DirectoryAddress.objects.filter(gone_at__isnull=True)
    department = known.filter(address=actor.email).values_list("department", flat=True).first()
    if not department:
        return None
    return known.filter(department__iexact=department).values_list("address", flat=True)


def campaigns_under(grant: Grant) -> list[CampaignPermission]:
    """The campaigns that were approved to send under a sender authorization, the latest window first."""
    return list(judged().filter(sender_grant=grant).order_by("-grant__ends_on", "-pk")[:MOST_SHOWN])


def pending_under(grant: Grant) -> list[CampaignRequest]:
    """The campaign requests in review that would send under it."""
    waiting = CampaignRequest.objects.filter(sender_grant=grant, service_request__state__in=LIVE_STATES)
    return list(waiting.select_related("service_request").order_by("service_request_id")[:MOST_SHOWN])


def cases(role_stage: str = "cio") -> QuerySet[ServiceRequest]:
    """The campaigns on the CIO office's desk, what is due first on top."""
    live = ServiceRequest.objects.filter(kind=KEY, state__in=LIVE_STATES, stage=role_stage)
    return live.select_related("requester", "assignee", "campaign").order_by("due_on", "id")


def over_limit() -> "QuerySet[StopProposal]":
    """The campaigns over a stop limit on which nobody has decided, the oldest first."""
    waiting = StopProposal.objects.filter(answered_at__isnull=True)
    return waiting.select_related("permission__grant").order_by("id")


def on_their_way() -> QuerySet[ServiceRequest]:
    """The campaigns in review that the CIO office will get."""
    live = ServiceRequest.objects.filter(kind=KEY, state=State.IN_REVIEW).exclude(stage="cio")
    return live.select_related("requester", "campaign").order_by("campaign__first_send_on", "id")


def decided() -> QuerySet[ServiceRequest]:
    """The campaigns decided, newest first."""
    closed = ServiceRequest.objects.filter(kind=KEY, state__in=(State.APPROVED, State.DENIED))
    return closed.select_related("requester").order_by("-closed_at", "-id")
