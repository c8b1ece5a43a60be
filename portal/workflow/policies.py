"""Who may do what to a request. The buttons and the guards both ask `available_actions`."""

from typing import TYPE_CHECKING

from portal.accounts.roles import Role
from portal.lib.problems import NotAllowed, WrongState
from portal.workflow.states import BY_ACTION, TRANSITIONS, Action, Party, State

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.workflow.models import ServiceRequest


def is_party_to(service_request: "ServiceRequest", actor: "User") -> bool:
    """Whether the request is the actor's own, co-owned or sponsored: such people never decide it."""
    return actor.pk in (
        service_request.requester_id,
        service_request.co_owner_id,
        service_request.sponsor_id,
    )


def is_requester(service_request: "ServiceRequest", actor: "User") -> bool:
    """Whether the actor may answer for the request: the requester or the co-owner."""
    return actor.pk in (service_request.requester_id, service_request.co_owner_id)


def is_decider(service_request: "ServiceRequest", actor: "User") -> bool:
    """Whether the current stage is the actor's to decide: the stage's role, and four eyes.

    Of a closed request it is the stage that had it last: its people learn that it is closed (409), not that
    it was never theirs (403).
    """
    role = service_request.stage_role or _role_of_last_stage(service_request)
    if not role or not actor.is_active or is_party_to(service_request, actor):
        return False
    return actor.has_role(Role(role)) or bool(service_request.kind_entry.stands_in(service_request, actor))


def capacity_of(service_request: "ServiceRequest", actor: "User") -> str:
    """In whose stead a decider acts, such as "for the CIO"; "" for the people of the stage themselves."""
    role = service_request.stage_role or _role_of_last_stage(service_request)
    if not role or actor.has_role(Role(role)):
        return ""
    return service_request.kind_entry.stands_in(service_request, actor)


def _role_of_last_stage(service_request: "ServiceRequest") -> str:
    stage = service_request.current_stage
    return str(stage.role) if stage is not None else ""


def may_recheck(service_request: "ServiceRequest", actor: "User") -> bool:
    """Whether the actor may have the checks run again: who answers for the request, and who decides its stage."""
    return actor.is_active and (is_requester(service_request, actor) or is_decider(service_request, actor))


def may_read_internal(actor: "User") -> bool:
    """Whether the actor reads the notes that are for reviewers only."""
    return actor.sees_everything


def _has_part(party: Party, service_request: "ServiceRequest", actor: "User") -> bool:
    if not actor.is_active:
        return False
    if party is Party.REQUESTER:
        return is_requester(service_request, actor)
    if party is Party.DECIDER:
        return is_decider(service_request, actor)
    return is_party_to(service_request, actor) or actor.is_decider


def _fits(action: Action, service_request: "ServiceRequest", actor: "User") -> bool:
    if action == Action.TAKE:
        return service_request.assignee_id != actor.pk
    if action == Action.RELEASE:
        return service_request.assignee_id == actor.pk
    if action in (Action.ADVANCE, Action.APPROVE):
        keys = [stage.key for stage in service_request.kind_entry.route(service_request)]
        # A stage that left the route neither approves nor passes on: fail closed. Asking leads back to the route.
        return (
            service_request.stage in keys[-1:]
            if action == Action.APPROVE
            else service_request.stage in keys[:-1]
        )
    return True


def available_actions(service_request: "ServiceRequest", actor: "User") -> list[Action]:
    """The actions that `actor` may take on `service_request` as it stands, in the table's order."""
    return [
        row.action
        for row in TRANSITIONS
        if service_request.state in row.sources
        and _has_part(row.party, service_request, actor)
        and _fits(row.action, service_request, actor)
    ]


def check_action(action: Action, service_request: "ServiceRequest", actor: "User") -> None:
    """Raise NotAllowed or WrongState unless `action` is among the actor's available actions."""
    row = BY_ACTION[action]
    if not _has_part(row.party, service_request, actor):
        raise NotAllowed("This is not yours to do: it is for somebody else in this request's route.")
    if service_request.state not in row.sources:
        stands = State(service_request.state).label.lower()
        raise WrongState(
            f"“{action.label}” is not possible: request {service_request.reference} is {stands}."
        )
    if not _fits(action, service_request, actor):
        raise WrongState(f"“{action.label}” is not possible at this stage of {service_request.reference}.")
