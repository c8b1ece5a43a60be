"""Delivery and results of an approved campaign: stopping it, judging its complaint metrics, and its results (MKT-5)."""

import logging
from collections.abc import Sequence
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from campaigns import complaint_metrics, notices
from campaigns.models import CampaignPermission, CampaignResults, StopProposal
from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.models import Grant
from portal.grants.policies import MANAGERS, is_holder, is_manager
from portal.grants.services.closing import close_requests, locked_open_requests
from portal.grants.services.managing import change_state
from portal.grants.services.transition import change_grant
from portal.grants.states import OPEN_STATES, GrantAction, GrantState
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.ui.moments import day_in_words

logger = logging.getLogger(__name__)


# ---------------------------------------------------------------- stop now
def may_stop(permission: CampaignPermission, actor: User) -> bool:
    """Whether `actor` may stop it: owner, co-owner, the person the request names for it, IT review, the CIO office."""
    if not actor.is_active:
        return False
    return (
        is_holder(permission.grant, actor)
        or is_manager(permission.grant, actor)
        or permission.stopper_id == actor.pk
    )


@transaction.atomic
def stop_now(*, permission: CampaignPermission, actor: User, reason: str) -> Grant:
    """Stop a campaign now and return its grant: nothing more may be sent. An owner ends it, anyone else suspends it.

    Raises NotAllowed; WrongState if it is over or already stopped; ValidationError keyed `reason` without a reason.
    """
    if not may_stop(permission, actor):
        raise NotAllowed(
            "Only the owner, the person named in the request, IT review and the CIO office can stop a campaign."
        )
    if not reason.strip():
        raise ValidationError({"reason": "Give a reason. Everyone concerned reads it."})
    grant = permission.grant
    if grant.state not in (GrantState.ACTIVE, GrantState.UNPROVEN):
        raise WrongState(
            f"{grant.reference} is {grant.get_state_display().lower()}: nothing may be sent as it is."
        )
    if is_holder(grant, actor) or is_manager(grant, actor):
        action = GrantAction.END if is_holder(grant, actor) else GrantAction.SUSPEND
        change_state(grant=grant, action=action, actor=actor, reason=reason)
    else:
        # The person named for stopping it has no role, and no other action on the permission.
        event = change_grant(
            grant=grant, action="suspend", actor=actor, reason=reason, state=GrantState.SUSPENDED
        )
        notices.suspended(grant=grant, event=event)
    notices.stopped(permission=permission, actor=actor, reason=reason)
    return grant


# ---------------------------------------------------------------- complaint metrics
def may_enter_metrics(actor: User) -> bool:
    """Whether `actor` may enter complaint metrics: IT review."""
    return actor.has_role(Role.REVIEWER, Role.POSTMASTER)


def import_metrics(*, rows: Sequence[complaint_metrics.DailyMetrics], actor: User | None) -> int:
    """Save metrics, judge each campaign they are about, and return how many those are.

    `actor` is None for the command. Raises NotAllowed; MetricsRefused, after which nothing is saved.
    """
    if actor is not None and not may_enter_metrics(actor):
        raise NotAllowed("Complaint metrics are entered by IT review.")
    permissions = complaint_metrics.save_metrics(rows=rows, actor=actor)
    for permission in permissions:
        judge(permission=permission)
    return len(permissions)


@transaction.atomic
def judge(*, permission: CampaignPermission) -> StopProposal | None:
    """Hold the totals of a campaign against its limits and return the open stop proposal, if there is one.

    Over a warning limit its owner is warned once. Over a stop limit the CIO office is asked to decide, or the campaign is
    revoked at once if the institution is configured so (`campaigns_stop_by_themselves`).
    """
    totals = complaint_metrics.totals_of(permission)
    grant = Grant.objects.select_for_update().get(pk=permission.grant_id)
    permission.grant = grant
    if totals.is_over_warn:
        notices.warned(permission=permission, figures=str(totals))
    if not totals.is_over_stop or grant.state not in OPEN_STATES:
        return None
    proposal, is_new = StopProposal.objects.get_or_create(
        permission=permission, answered_at=None, defaults={"figures": str(totals)}
    )
    if not is_new:
        StopProposal.objects.filter(pk=proposal.pk).update(figures=str(totals))
        return proposal
    if institution().campaigns_stop_by_themselves:
        _revoke(permission, None, f"Over its stop limit: {totals}.")
        _close_proposal(proposal, None, was_revoked=True, reason="Revoked by configuration.")
        return None
    notices.proposed(proposal=proposal)
    return proposal


def may_decide_stop(permission: CampaignPermission, actor: User) -> bool:
    """Whether `actor` may decide on a stop proposal: the CIO office and IT review, but not on their own campaigns."""
    return actor.has_role(*MANAGERS) and is_manager(permission.grant, actor)


@transaction.atomic
def decide_stop_proposal(*, proposal: StopProposal, actor: User, revoke: bool, reason: str) -> StopProposal:
    """Revoke the campaign with its metrics as evidence, or let it continue; both need a reason (MKT-5).

    Returns the proposal. Raises NotAllowed; WrongState if it is already decided; ValidationError keyed `reason`.
    """
    permission = proposal.permission
    if not may_decide_stop(permission, actor):
        raise NotAllowed("Only the CIO office and IT review decide whether a campaign continues.")
    if not reason.strip():
        raise ValidationError({"reason": "Give a reason. Everyone concerned reads it."})
    if revoke:
        _revoke(permission, actor, f"{reason.strip()} Measured: {proposal.figures}.")
    _close_proposal(proposal, actor, was_revoked=revoke, reason=reason.strip())
    return proposal


def _close_proposal(proposal: StopProposal, actor: User | None, *, was_revoked: bool, reason: str) -> None:
    columns = {
        "answered_at": timezone.now(),
        "answered_by": actor,
        "was_revoked": was_revoked,
        "reason": reason,
    }
    if StopProposal.objects.filter(pk=proposal.pk, answered_at__isnull=True).update(**columns) != 1:
        raise WrongState("This was already decided.")
    for name, value in columns.items():
        setattr(proposal, name, value)


def _revoke(permission: CampaignPermission, actor: User | None, reason: str) -> None:
    grant = permission.grant
    if actor is not None:
        change_state(grant=grant, action=GrantAction.REVOKE, actor=actor, reason=reason)
    else:
        under_way = locked_open_requests(grant)
        event = change_grant(
            grant=grant, action="revoke", actor=None, reason=reason, state=GrantState.REVOKED
        )
        close_requests(requests=under_way, grant=grant)
        notices.suspended(grant=grant, event=event)
    notices.stopped(permission=permission, actor=actor, reason=reason)


# ---------------------------------------------------------------- results
def is_over(permission: CampaignPermission, today: date) -> bool:
    """Whether nothing more is sent: `today` is after the window, or the campaign was ended or revoked."""
    return permission.grant.ends_on < today or permission.grant.state not in OPEN_STATES


def may_record_results(permission: CampaignPermission, actor: User) -> bool:
    """Whether `actor` may record results: the owner and the co-owner."""
    return actor.is_active and is_holder(permission.grant, actor)


@transaction.atomic
def record_results(
    *,
    permission: CampaignPermission,
    actor: User,
    sent: int,
    opened: int | None,
    complaints: int,
    note: str = "",
) -> CampaignResults:
    """Record the results of a campaign after its window and return them; recording again replaces them.

    Raises NotAllowed; WrongState until it is over; ValidationError keyed `sent` for impossible numbers.
    """
    if not may_record_results(permission, actor):
        raise NotAllowed("Only the owner and the co-owner record the results of a campaign.")
    if not is_over(permission, timezone.localdate()):
        last_day = day_in_words(permission.grant.ends_on)
        raise WrongState(
            f"{permission.grant.reference} continues until {last_day}. Record its results after that."
        )
    if complaints > sent or (opened or 0) > sent:
        raise ValidationError(
            {"sent": "There cannot be more complaints or opened messages than messages sent."}
        )
    results, _ = CampaignResults.objects.update_or_create(
        permission=permission,
        defaults={
            "sent": sent,
            "opened": opened,
            "complaints": complaints,
            "note": note.strip(),
            "noted_by": actor,
            "noted_at": timezone.now(),
        },
    )
    return results


def request_results(*, today: date) -> int:
    """Ask the owners of campaigns whose window ended before `today` for the results, once each; return how many."""
    waiting = CampaignPermission.objects.filter(
        grant__ends_on__lt=today, results__isnull=True, results_requested_at__isnull=True
    ).values_list("pk", flat=True)
    asked = 0
    for pk in list(waiting):
        try:
            asked += _ask(pk)
        except Exception:  # one campaign must not keep the others from being asked
            logger.exception("Campaign permission %s could not be asked for its results", pk)
    return asked


@transaction.atomic
def _ask(pk: int) -> int:
    # Checks again under the row's lock: another run may have asked already.
    rows = CampaignPermission.objects.filter(pk=pk, results_requested_at__isnull=True, results__isnull=True)
    if rows.update(results_requested_at=timezone.now()) != 1:
        return 0
    permission = CampaignPermission.objects.select_related("grant", "grant__owner", "grant__co_owner").get(
        pk=pk
    )
    notices.results_requested(permission=permission)
    return 1
