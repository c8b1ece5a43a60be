"""The one way in which a request changes state.

Look up -> policy -> conditional UPDATE that names the state and revision it was read in -> one row, or
`Stale` -> event. The callers add the kind's hook and the outbox rows in the same transaction.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import Stale, WrongState
from portal.workflow import announcements
from portal.workflow.models import CheckRun, Event, Part, Participation, ServiceRequest, Visibility
from portal.workflow.policies import capacity_of, check_action, check_four_eyes, forget_parts
from portal.workflow.states import BY_ACTION, Action, Party, State

DECISIONS = (Action.ADVANCE, Action.APPROVE, Action.DENY)


def check_form(action: Action, *, comment: str, clauses: Sequence[str] = ()) -> None:
    """Raise ValidationError, keyed by form field, where the action's comment or clause is missing."""
    row, errors = BY_ACTION[action], {}
    if row.needs_comment and not comment.strip():
        errors["comment"] = "Say why, in a sentence that the requester can act on."
    if row.needs_clause and not clauses:
        errors["clauses"] = "Name at least one clause of the standards that the decision rests on."
    if errors:
        raise ValidationError(errors)


def apply_transition(
    *,
    action: Action,
    service_request: ServiceRequest,
    actor: User,
    revision: int | None = None,
    comment: str = "",
    clauses: Sequence[str] = (),
    visibility: Visibility = Visibility.PUBLIC,
    check_run: CheckRun | None = None,
    **columns: Any,
) -> Event:
    """Carry out one row of the table and append its event; returns the event.

    `revision` is the one the person's page was drawn from (the object's own where None). Raises NotAllowed,
    WrongState, Stale, or ValidationError for a missing comment or clause. Must run inside a transaction, so
    that hooks and notices stand or fall with it.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("apply_transition needs a transaction around it.")
    check_action(action, service_request, actor)
    check_form(action, comment=comment, clauses=clauses)
    capacity = capacity_of(service_request, actor) if BY_ACTION[action].party is Party.DECIDER else ""
    # What a stage's people do happened at that stage, though the request then goes on to another.
    before, stage = service_request.state, service_request.stage
    target = BY_ACTION[action].target or before
    seen = service_request.revision if revision is None else revision
    _update(service_request, seen, state=target, **columns)
    decides = action in DECISIONS
    if BY_ACTION[action].party is Party.DECIDER:
        # After the row is ours: what was noted while this person decided counts.
        check_four_eyes(service_request, actor, stage)
    if decides:
        _note_decider(service_request, actor, stage)
    event = Event.objects.create(
        service_request=service_request,
        actor=actor,
        capacity=capacity,
        action=action,
        files=files_seen(service_request) if decides else [],
        from_state=before,
        to_state=target,
        stage=stage or service_request.stage,
        comment=comment.strip(),
        clauses=list(clauses),
        visibility=visibility,
        check_run=check_run,
    )
    announcements.request_moved.tell(event)
    return event


def _note_decider(service_request: ServiceRequest, actor: User, stage: str) -> None:
    Participation.objects.bulk_create(
        [
            Participation(
                service_request=service_request,
                person=actor,
                part=Part.DECIDER,
                stage=stage,
                since=timezone.now(),
            )
        ],
        ignore_conflicts=True,
    )
    forget_parts(service_request)


def files_seen(service_request: ServiceRequest) -> list[dict[str, str]]:
    """The files of the request as they stand, by name and SHA-256, for the record of a decision."""
    rows = service_request.attachments.values_list("name", "sha256")
    return [{"name": name, "sha256": digest} for name, digest in rows]


def change_files(*, service_request: ServiceRequest) -> None:
    """Make what changed the files of a submitted request a revision of it: a page drawn before is stale.

    `service_request` must be locked by the caller's transaction.
    """
    _update(service_request, service_request.revision)


def change_people(*, service_request: ServiceRequest, revision: int, **columns: Any) -> None:
    """Write who answers for the request, if it still is as it was read. Raises Stale."""
    _update(service_request, revision, **columns)


def close_without_actor(*, service_request: ServiceRequest, comment: str) -> Event:
    """Withdraw an open request on behalf of the portal, with the reason; return the event.

    Raises WrongState where it is closed already, or Stale. Must run inside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("close_without_actor needs a transaction around it.")
    row, before = BY_ACTION[Action.WITHDRAW], service_request.state
    if before not in row.sources:
        raise WrongState(f"Request {service_request.reference} is closed already.")
    _update(
        service_request,
        service_request.revision,
        state=State.WITHDRAWN,
        stage_role="",
        due_on=None,
        clock_paused_at=None,
        closed_at=timezone.now(),
    )
    event = Event.objects.create(
        service_request=service_request,
        action="close",
        from_state=before,
        to_state=State.WITHDRAWN,
        stage=service_request.stage,
        comment=comment,
    )
    announcements.request_moved.tell(event)
    return event


def _update(service_request: ServiceRequest, seen_revision: int, **columns: Any) -> None:
    columns |= {"revision": seen_revision + 1, "updated_at": timezone.now()}
    rows = ServiceRequest.objects.filter(
        pk=service_request.pk, state=service_request.state, revision=seen_revision
    ).update(**columns)
    if rows != 1:
        raise Stale(
            f"Somebody changed {service_request.reference} since you opened this page. "
            "Read it again, then decide."
        )
    for name, value in columns.items():
        setattr(service_request, name, value)
