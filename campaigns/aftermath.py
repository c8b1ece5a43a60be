"""After the approval: stop now, signals over a limit, the office's word on them, and what came of it (MKT-5)."""

import logging
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from campaigns import after_notices, signals
from campaigns.models import CampaignOutcome, CampaignPermission, StopProposal
from portal.accounts.roles import Role
from portal.grants.models import Grant
from portal.grants.policies import MANAGERS, is_holder, is_manager
from portal.grants.services.closing import close_requests, locked_open_requests
from portal.grants.services.managing import change_state
from portal.grants.services.transition import change_grant
from portal.grants.states import OPEN_STATES, GrantAction, GrantState
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState

if TYPE_CHECKING:
    from portal.accounts.models import User

logger = logging.getLogger(__name__)


# ---------------------------------------------------------------- stop now
def may_stop(permission: CampaignPermission, actor: "User") -> bool:
    """The owner and the co-owner, whoever the request names as able to stop it, IT review and the CIO office."""
    if not actor.is_active:
        return False
    return (
        is_holder(permission.grant, actor)
        or is_manager(permission.grant, actor)
        or permission.stopper_id == actor.pk
    )


@transaction.atomic
def stop_now(*, permission: CampaignPermission, actor: "User", reason: str) -> Grant:
    """Stop a campaign at once: nothing more may be sent. Its owner ends it so; others suspend it.

    Raises NotAllowed; WrongState where it is over or stopped; ValidationError, keyed `reason`.
    """
    if not may_stop(permission, actor):
        raise NotAllowed(
            "Stopping is for the owner, the person named in the request, IT review and the CIO office."
        )
    if not reason.strip():
        raise ValidationError({"reason": "Say why. Everyone concerned reads it."})
    grant = permission.grant
    if grant.state not in (GrantState.ACTIVE, GrantState.UNPROVEN):
        raise WrongState(
            f"{grant.reference} is {grant.get_state_display().lower()}: nothing may be sent already."
        )
    if is_holder(grant, actor) or is_manager(grant, actor):
        action = GrantAction.END if is_holder(grant, actor) else GrantAction.SUSPEND
        change_state(grant=grant, action=action, actor=actor, reason=reason)
    else:
        # The person who can stop it at any hour holds no role: theirs is this one act.
        event = change_grant(
            grant=grant, action="suspend", actor=actor, reason=reason, state=GrantState.SUSPENDED
        )
        after_notices.suspended(grant=grant, event=event)
    after_notices.stopped(permission=permission, actor=actor, reason=reason)
    return grant


# ---------------------------------------------------------------- signals
def may_enter_signals(actor: "User") -> bool:
    """IT review enters what the platforms tell."""
    return actor.has_role(Role.REVIEWER, Role.POSTMASTER)


def take_signals(*, rows: Sequence[signals.Signal], actor: "User | None") -> int:
    """Keep signals and judge each campaign concerned; returns how many campaigns. `actor` is None for the command.

    Raises NotAllowed, or SignalsRefused, which keeps nothing.
    """
    if actor is not None and not may_enter_signals(actor):
        raise NotAllowed("Signals are entered by IT review.")
    permissions = signals.record(signals=rows, actor=actor)
    for permission in permissions:
        judge(permission=permission)
    return len(permissions)


@transaction.atomic
def judge(*, permission: CampaignPermission) -> StopProposal | None:
    """Warn once, and put a campaign over its stop limit to the CIO office; returns the open proposal, if any."""
    totals = signals.totals_of(permission)
    grant = Grant.objects.select_for_update().get(pk=permission.grant_id)
    permission.grant = grant
    if totals.is_over_warn:
        after_notices.warned(permission=permission, figures=str(totals))
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
        _answer(proposal, None, was_revoked=True, reason="By configuration.")
        return None
    after_notices.proposed(proposal=proposal)
    return proposal


def may_answer(permission: CampaignPermission, actor: "User") -> bool:
    """The CIO office and IT review, and nobody about a campaign of their own."""
    return actor.has_role(*MANAGERS) and is_manager(permission.grant, actor)


@transaction.atomic
def answer_proposal(*, proposal: StopProposal, actor: "User", revoke: bool, reason: str) -> StopProposal:
    """Revoke the campaign with the figures as evidence, or let it go on; either with a reason (MKT-5).

    Raises NotAllowed; WrongState where it was answered; ValidationError, keyed `reason`.
    """
    permission = proposal.permission
    if not may_answer(permission, actor):
        raise NotAllowed("The CIO office and IT review decide whether a campaign goes on.")
    if not reason.strip():
        raise ValidationError({"reason": "Say why. Everyone concerned reads it."})
    if revoke:
        _revoke(permission, actor, f"{reason.strip()} Measured: {proposal.figures}.")
    _answer(proposal, actor, was_revoked=revoke, reason=reason.strip())
    return proposal


def _answer(proposal: StopProposal, actor: "User | None", *, was_revoked: bool, reason: str) -> None:
    columns = {
        "answered_at": timezone.now(),
        "answered_by": actor,
        "was_revoked": was_revoked,
        "reason": reason,
    }
    if StopProposal.objects.filter(pk=proposal.pk, answered_at__isnull=True).update(**columns) != 1:
        raise WrongState("This was answered already.")
    for name, value in columns.items():
        setattr(proposal, name, value)


def _revoke(permission: CampaignPermission, actor: "User | None", reason: str) -> None:
    grant = permission.grant
    if actor is not None:
        change_state(grant=grant, action=GrantAction.REVOKE, actor=actor, reason=reason)
    else:
        under_way = locked_open_requests(grant)
        event = change_grant(
            grant=grant, action="revoke", actor=None, reason=reason, state=GrantState.REVOKED
        )
        close_requests(requests=under_way, grant=grant)
        after_notices.suspended(grant=grant, event=event)
    after_notices.stopped(permission=permission, actor=actor, reason=reason)


# ---------------------------------------------------------------- what came of it
def is_over(permission: CampaignPermission, today: date) -> bool:
    """Whether nothing more is sent: the window is over, or the campaign was ended or revoked."""
    return permission.grant.ends_on < today or permission.grant.state not in OPEN_STATES


def may_note(permission: CampaignPermission, actor: "User") -> bool:
    """The owner and the co-owner."""
    return actor.is_active and is_holder(permission.grant, actor)


@transaction.atomic
def note_outcome(
    *,
    permission: CampaignPermission,
    actor: "User",
    sent: int,
    opened: int | None,
    complaints: int,
    note: str = "",
) -> CampaignOutcome:
    """Note what came of a campaign, once its window is over; a later note replaces it.

    Raises NotAllowed, WrongState while it goes on, or ValidationError for figures that cannot be.
    """
    if not may_note(permission, actor):
        raise NotAllowed("The owner notes what came of it.")
    if not is_over(permission, timezone.localdate()):
        raise WrongState(f"{permission.grant.reference} goes on until {permission.grant.ends_on:%-d %B %Y}.")
    if complaints > sent or (opened or 0) > sent:
        raise ValidationError({"sent": "There cannot be more complaints or readers than messages."})
    outcome, _ = CampaignOutcome.objects.update_or_create(
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
    return outcome


def ask_outcomes(*, today: date) -> int:
    """Ask the owners of campaigns whose window is over for what came of it, once each; returns how many were asked."""
    waiting = CampaignPermission.objects.filter(
        grant__ends_on__lt=today, outcome__isnull=True, outcome_asked_at__isnull=True
    ).values_list("pk", flat=True)
    asked = 0
    for pk in list(waiting):
        try:
            asked += _ask(pk)
        except Exception:  # one campaign must not keep the others from being asked
            logger.exception("Campaign permission %s could not be asked for its outcome", pk)
    return asked


@transaction.atomic
def _ask(pk: int) -> int:
    # Re-tests what selected it: another run may have been here.
    rows = CampaignPermission.objects.filter(pk=pk, outcome_asked_at__isnull=True, outcome__isnull=True)
    if rows.update(outcome_asked_at=timezone.now()) != 1:
        return 0
    permission = CampaignPermission.objects.select_related("grant", "grant__owner", "grant__co_owner").get(
        pk=pk
    )
    after_notices.asked(permission=permission)
    return 1
