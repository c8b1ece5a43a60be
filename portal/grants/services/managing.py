"""Suspend, resume, revoke, end or hand over a grant."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.grants import notices
from portal.grants.models import Grant, GrantEvent, Handover
from portal.grants.policies import check_grant_action, open_handover
from portal.grants.services import closing
from portal.grants.services.locking import locked_grant
from portal.grants.services.transition import change_grant, note_holders
from portal.grants.states import BY_GRANT_ACTION, FINAL_STATES, GrantAction, GrantState
from portal.lib.problems import WrongState
from portal.lib.throttle import Rate
from portal.workflow.services.limits import refuse_too_often

OFFERS_OF_ONE_PERSON = Rate(times=20, seconds=86_400)


@transaction.atomic
def change_state(
    *, grant: Grant, action: GrantAction, actor: User, reason: str, revision: int | None = None
) -> GrantEvent:
    """Suspend, resume, revoke or end a grant, with a reason.

    Open requests about a grant that is revoked or ended, such as its renewal, are closed with it.
    Raises NotAllowed, WrongState, Stale, or ValidationError, keyed `reason`, where it is missing.
    """
    row = BY_GRANT_ACTION[action]
    check_grant_action(action, grant, actor)
    if row.target is None:
        raise WrongState(f"“{action.label}” is not a change of state.")
    if row.needs_reason and not reason.strip():
        raise ValidationError({"reason": "Say why. The owner reads it."})
    target = row.target
    if action == GrantAction.RESUME and not grant.kind_entry.is_proven(grant):
        target = GrantState.UNPROVEN  # what waited for its proof before keeps waiting
    moot = closing.locked_open_requests(grant) if target in FINAL_STATES else []
    event = change_grant(
        grant=grant,
        action=action,
        actor=actor,
        reason=reason,
        revision=revision,
        state=target,
        held_open_by=grant.held_open_by if action in (GrantAction.SUSPEND, GrantAction.RESUME) else None,
    )
    closing.close_requests(requests=moot, grant=grant)
    notices.changed(grant=grant, event=event)
    return event


@transaction.atomic
def hand_over(*, grant: Grant, actor: User, to: User, note: str = "") -> Handover:
    """Offer the grant to another person. Raises NotAllowed, WrongState, TooOften, or
    ValidationError, keyed `to`.
    """
    # An approval of its renewal holds the same lock when it reads who takes part in it.
    locked_grant(grant.pk)
    check_grant_action(GrantAction.HAND_OVER, grant, actor)
    if to.pk == grant.owner_id or not to.is_active:
        raise ValidationError({"to": "Name another person than the present owner."})
    handover = Handover.objects.create(grant=grant, offered_by=actor, offered_to=to, note=note.strip())
    GrantEvent.objects.create(
        grant=grant,
        actor=actor,
        action="hand_over",
        from_state=grant.state,
        to_state=grant.state,
        reason=f"Offered to {to}",
    )
    # Each offer is an email, and an offer may be withdrawn and made again.
    refuse_too_often(
        "offers", None, actor, of_person=OFFERS_OF_ONE_PERSON, sentence="You made many offers today."
    )
    note_holders(grant, to)
    notices.offered(grant=grant, handover=handover)
    return handover


@transaction.atomic
def answer_offer(*, grant: Grant, actor: User, accept: bool) -> Handover:
    """Accept or decline an offer. Raises NotAllowed, WrongState or Stale."""
    action = GrantAction.ACCEPT if accept else GrantAction.DECLINE
    check_grant_action(action, grant, actor)
    handover = open_handover(grant)
    if handover is None:
        raise WrongState("This offer was answered already.")
    _close(handover, accepted=accept)
    columns: dict[str, Any] = {}
    if accept:
        columns = {"owner": actor, "co_owner": None if grant.co_owner_id == actor.pk else grant.co_owner}
    event = change_grant(grant=grant, action=action, actor=actor, **columns)
    notices.changed(grant=grant, event=event)
    return handover


@transaction.atomic
def withdraw_offer(*, grant: Grant, actor: User) -> Handover:
    """Withdraw the unanswered offer of the owner or co-owner. Raises NotAllowed or WrongState."""
    check_grant_action(GrantAction.WITHDRAW_OFFER, grant, actor)
    handover = open_handover(grant)
    if handover is None:
        raise WrongState("This offer was answered already.")
    _close(handover, accepted=None)
    GrantEvent.objects.create(
        grant=grant,
        actor=actor,
        action=GrantAction.WITHDRAW_OFFER,
        from_state=grant.state,
        to_state=grant.state,
        reason=f"It was offered to {handover.offered_to}",
    )
    notices.offer_withdrawn(grant=grant, handover=handover, actor=actor)
    return handover


def _close(handover: Handover, *, accepted: bool | None) -> None:
    # Conditional: of a concurrent answer and withdrawal, one wins.
    still_open = Handover.objects.filter(pk=handover.pk, closed_at__isnull=True)
    if still_open.update(closed_at=timezone.now(), accepted=accepted) != 1:
        raise WrongState("This offer was answered or withdrawn a moment ago.")
