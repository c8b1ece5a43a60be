"""Who may do what to a request. The buttons and the guards both ask `available_actions`."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from portal.accounts.models import User, people_with_role
from portal.accounts.roles import Role
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.workflow import stand_ins
from portal.workflow.models import Part, Participation, ServiceRequest
from portal.workflow.states import BY_ACTION, TRANSITIONS, Action, Party, State


def is_party_to(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the request is the actor's own, co-owned or sponsored now; `bar_of` knows who ever was a party."""
    return actor.pk in (
        service_request.requester_id,
        service_request.co_owner_id,
        service_request.sponsor_id,
    )


NAMED = (Part.CO_OWNER, Part.SPONSOR)
"""Parts that somebody is given by another, and accepts."""


def may_accept_part(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the actor is named as co-owner or sponsor of a request that was sent, and has not accepted that yet."""
    if not actor.is_active or service_request.submitted_at is None:
        return False
    if actor.pk not in (service_request.co_owner_id, service_request.sponsor_id):
        return False
    named = [row for row in parts_of(service_request, actor) if row.part in NAMED]
    return any(row.accepted_at is None for row in named)


def is_requester(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the actor may answer for the request: the requester or the co-owner."""
    return actor.pk in (service_request.requester_id, service_request.co_owner_id)


def is_decider(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the current stage is the actor's to decide: the stage's role, and four eyes by history.

    Of a closed request it is the stage that had it last: its people learn that it is closed (409), not that
    it was never theirs (403).
    """
    return sits_at_stage(service_request, actor) and not bar_of(service_request, actor)


def sits_at_stage(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the actor holds the role of the current stage or stands in for it, whatever part they have in it."""
    role = service_request.stage_role or _role_of_last_stage(service_request)
    if not role or not actor.is_active:
        return False
    return actor.has_role(Role(role)) or bool(stand_ins.capacity(service_request, actor))


# ---------------------------------------------------------------- four eyes
_WORDS = {
    Part.REQUESTER: "You filed this request",
    Part.CO_OWNER: "You were named as its co-owner",
    Part.SPONSOR: "You were named as its sponsor",
    Part.EDITOR: "You changed its answers or files",
    Part.HOLDER: "You hold, held or were offered the permission that it is about",
}


def parts_of(service_request: ServiceRequest, actor: User) -> list[Participation]:
    """The parts that `actor` has or had in the request, oldest first; asked once for an instance."""
    cached = _cached_parts(service_request)
    if actor.pk not in cached:
        cached[actor.pk] = list(
            Participation.objects.filter(service_request=service_request, person=actor).order_by("pk")
        )
    return cached[actor.pk]


def load_parts(rows: Iterable[ServiceRequest], actor: User) -> None:
    """Ask for the actor's parts in all `rows` by one query, for lists that then ask each row."""
    by_pk = {row.pk: row for row in rows}
    if not by_pk:
        return
    for row in by_pk.values():
        _cached_parts(row)[actor.pk] = []
    for part in Participation.objects.filter(service_request__in=by_pk, person=actor).order_by("pk"):
        _cached_parts(by_pk[part.service_request_id])[actor.pk].append(part)


def forget_parts(service_request: ServiceRequest) -> None:
    """Ask the database again for everybody's parts."""
    service_request.__dict__.pop("_parts", None)


def _cached_parts(service_request: ServiceRequest) -> dict[int, list[Participation]]:
    cached: dict[int, list[Participation]] = service_request.__dict__.setdefault("_parts", {})
    return cached


def bar_of(service_request: ServiceRequest, actor: User, stage: str | None = None) -> str:
    """Why four eyes keep `actor` from deciding, in a sentence; "" where they do not.

    Whoever ever had a part in the request (DESIGN, four eyes) never decides it, and, unless the institution switched it
    off, whoever decided one stage decides no other. `stage` is the present one unless it is given.
    """
    at = service_request.stage if stage is None else stage
    for row in parts_of(service_request, actor):
        if row.part != Part.DECIDER:
            return f"{_WORDS[Part(row.part)]} on {_day(row.since)}, so somebody else decides it."
        if row.stage != at and institution().one_person_one_stage:
            return (
                f"You decided the stage {_stage_label(service_request, row.stage)} on {_day(row.since)}, "
                "so somebody else decides this one."
            )
    if is_party_to(service_request, actor):
        return "You have a part in this request, so somebody else decides it."
    return ""


def _day(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%b %-d, %Y}"


def _stage_label(service_request: ServiceRequest, key: str) -> str:
    return next((stage.label for stage in service_request.kind_entry.stages if stage.key == key), key)


def check_four_eyes(service_request: ServiceRequest, actor: User, stage: str) -> None:
    """Raise NotAllowed where four eyes keep `actor` from `stage`, as the database stands at this moment."""
    forget_parts(service_request)
    if reason := bar_of(service_request, actor, stage):
        raise NotAllowed(reason)


def people_who_may_decide(service_request: ServiceRequest) -> list[User]:
    """Everybody who may decide the present stage: its people and their deputies, less those whom four eyes bar."""
    if not service_request.stage_role:
        return []
    people = {person.pk: person for person in people_with_role([Role(service_request.stage_role)])}
    people |= {person.pk: person for person in stand_ins.deputies(service_request)}
    rows = Participation.objects.filter(service_request=service_request, person__in=people).order_by("pk")
    cached = _cached_parts(service_request)
    cached |= {pk: [] for pk in people}
    for row in rows:
        cached[row.person_id].append(row)
    return [person for person in people.values() if not bar_of(service_request, person)]


def capacity_of(service_request: ServiceRequest, actor: User) -> str:
    """In whose stead a decider acts, such as "for the CIO"; "" for the people of the stage themselves."""
    role = service_request.stage_role or _role_of_last_stage(service_request)
    if not role or actor.has_role(Role(role)):
        return ""
    return stand_ins.capacity(service_request, actor)


def _role_of_last_stage(service_request: ServiceRequest) -> str:
    stage = service_request.current_stage
    return str(stage.role) if stage is not None else ""


def may_recheck(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the actor may have the checks run again: who answers for the request, and who decides its stage."""
    return actor.is_active and (is_requester(service_request, actor) or is_decider(service_request, actor))


def may_read_internal(actor: User) -> bool:
    """Whether the actor reads the notes that are for reviewers only."""
    return actor.sees_everything


def _has_part(party: Party, service_request: ServiceRequest, actor: User) -> bool:
    if not actor.is_active:
        return False
    if party is Party.REQUESTER:
        return is_requester(service_request, actor)
    if party is Party.DECIDER:
        return is_decider(service_request, actor)
    return is_party_to(service_request, actor) or actor.is_decider


def _fits(action: Action, service_request: ServiceRequest, actor: User) -> bool:
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


def available_actions(service_request: ServiceRequest, actor: User) -> list[Action]:
    """The actions that `actor` may take on `service_request` as it stands, in the table's order."""
    return [
        row.action
        for row in TRANSITIONS
        if service_request.state in row.sources
        and _has_part(row.party, service_request, actor)
        and _fits(row.action, service_request, actor)
    ]


def check_action(action: Action, service_request: ServiceRequest, actor: User) -> None:
    """Raise NotAllowed or WrongState unless `action` is among the actor's available actions."""
    row = BY_ACTION[action]
    if not _has_part(row.party, service_request, actor):
        barred = row.party is Party.DECIDER and sits_at_stage(service_request, actor)
        raise NotAllowed(
            (bar_of(service_request, actor) if barred else "")
            or "This is not yours to do: it is for somebody else in this request's route."
        )
    if service_request.state not in row.sources:
        stands = State(service_request.state).label.lower()
        raise WrongState(
            f"“{action.label}” is not possible: request {service_request.reference} is {stands}."
        )
    if not _fits(action, service_request, actor):
        raise WrongState(f"“{action.label}” is not possible at this stage of {service_request.reference}.")
