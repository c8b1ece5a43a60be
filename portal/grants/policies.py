"""Who may do what to a grant; buttons and guards ask the same function."""

from datetime import timedelta

from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.models import Grant, Handover
from portal.grants.states import BY_GRANT_ACTION, GRANT_TRANSITIONS, GrantAction, GrantParty, GrantState
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.workflow.states import OPEN_STATES

MANAGERS = (Role.REVIEWER, Role.POSTMASTER, Role.CIO)


def is_holder(grant: Grant, actor: User) -> bool:
    """Whether the actor owns or co-owns the grant."""
    return actor.pk in (grant.owner_id, grant.co_owner_id)


def is_manager(grant: Grant, actor: User) -> bool:
    """Whether the actor may suspend, resume and revoke: a reviewer or the CIO office, and no holder of it."""
    return actor.has_role(*MANAGERS) and not is_holder(grant, actor)


def open_handover(grant: Grant) -> Handover | None:
    """The offer of the grant that nobody has answered yet."""
    return grant.handovers.filter(closed_at__isnull=True).select_related("offered_to", "offered_by").first()


def _has_part(party: GrantParty, grant: Grant, actor: User, handover: Handover | None) -> bool:
    if not actor.is_active:
        return False
    if party is GrantParty.HOLDER:
        return is_holder(grant, actor)
    if party is GrantParty.MANAGER:
        return is_manager(grant, actor)
    return handover is not None and handover.offered_to_id == actor.pk


def _fits(action: GrantAction, grant: Grant, handover: Handover | None) -> bool:
    if action == GrantAction.RENEW:
        opens_on = grant.ends_on - timedelta(days=institution().renewal_opens_days)
        return grant.kind_entry.renewable and opens_on <= timezone.localdate() and not has_open_request(grant)
    if action == GrantAction.CHANGE:
        return not has_open_request(grant)
    if action == GrantAction.HAND_OVER:
        return handover is None
    if action == GrantAction.WITHDRAW_OFFER:
        # An offer of the portal or of IT, made because the owner left, is not the owner's to withdraw.
        return handover is not None and handover.offered_by_id in (grant.owner_id, grant.co_owner_id)
    return True


def has_open_request(grant: Grant) -> bool:
    """Whether a renewal or change of the grant is open."""
    return grant.later_requests.filter(service_request__state__in=OPEN_STATES).exists()


def available_grant_actions(grant: Grant, actor: User, handover: Handover | None) -> list[GrantAction]:
    """The actions that `actor` may take on `grant` now, in the table's order."""
    return [
        row.action
        for row in GRANT_TRANSITIONS
        if grant.state in row.sources
        and _has_part(row.party, grant, actor, handover)
        and _fits(row.action, grant, handover)
    ]


def check_grant_action(action: GrantAction, grant: Grant, actor: User) -> None:
    """Raise NotAllowed or WrongState unless `action` is available to `actor`."""
    row, handover = BY_GRANT_ACTION[action], open_handover(grant)
    if not _has_part(row.party, grant, actor, handover):
        raise NotAllowed("This is for somebody else: the owner, a reviewer, or the person it was offered to.")
    if action == GrantAction.WITHDRAW_OFFER and not _fits(action, grant, handover):
        raise WrongState(
            f"No offer of {grant.reference} is open that its owner made: it may be answered by now."
        )
    if grant.state not in row.sources or not _fits(action, grant, handover):
        state = GrantState(grant.state).label.lower()
        raise WrongState(f"“{action.label}” is not possible now: {grant.reference} is {state}.")
