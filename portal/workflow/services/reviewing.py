"""What the people of a stage do: take, ask, pass on, approve, deny."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.workflow import calendar, notices
from portal.workflow.findings import Finding
from portal.workflow.kinds import Cut, Terms
from portal.workflow.models import CheckRun, Event, FieldChange, Question, ServiceRequest
from portal.workflow.policies import check_action, check_four_eyes
from portal.workflow.services import checking
from portal.workflow.services.requesting import stage_target
from portal.workflow.services.transition import apply_transition, check_form
from portal.workflow.states import Action


class ApprovalBlocked(ValidationError):
    """Must-clauses that fail, or that nobody could establish, bar the approval; `findings` names them."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        named = ", ".join(sorted({finding.clause for finding in findings}))
        super().__init__(
            f"This cannot be approved while {named} is not met. Ask the requester, run the checks again, or deny."
        )


@transaction.atomic
def take(*, service_request: ServiceRequest, actor: User, revision: int) -> Event:
    """Make the actor the request's assignee. Raises NotAllowed, WrongState or Stale."""
    return apply_transition(
        action=Action.TAKE, service_request=service_request, actor=actor, revision=revision, assignee=actor
    )


@transaction.atomic
def release(*, service_request: ServiceRequest, actor: User, revision: int) -> Event:
    """Give up the assignment. Raises NotAllowed, WrongState or Stale."""
    return apply_transition(
        action=Action.RELEASE, service_request=service_request, actor=actor, revision=revision, assignee=None
    )


@transaction.atomic
def ask(
    *,
    service_request: ServiceRequest,
    actor: User,
    revision: int,
    questions: Sequence[tuple[str, str]],
    comment: str = "",
) -> Event:
    """Ask the requester: `questions` are (field or "", text). The stage's due date is paused meanwhile.

    Raises NotAllowed, WrongState, Stale, or ValidationError, keyed `question`, where nothing is asked.
    """
    asked = [(field, text.strip()) for field, text in questions if text.strip()]
    if not asked:
        raise ValidationError({"question": "Write what you need to know."})
    event = apply_transition(
        action=Action.ASK,
        service_request=service_request,
        actor=actor,
        revision=revision,
        comment=comment or "\n".join(text for _, text in asked),
        clock_paused_at=timezone.now(),
    )
    Question.objects.bulk_create(
        Question(service_request=service_request, field=field, text=text, asked_by=actor)
        for field, text in asked
    )
    notices.asked(service_request=service_request, event=event)
    return event


def advance(*, service_request: ServiceRequest, actor: User, revision: int, comment: str = "") -> Event:
    """Pass the request to its next stage, on fresh evidence.

    Raises NotAllowed, WrongState, Stale, or ApprovalBlocked: what cannot be approved is not passed on.
    """
    check_action(Action.ADVANCE, service_request, actor)
    found = checking.run_checks(service_request)
    route = service_request.kind_entry.route(service_request)
    position = [stage.key for stage in route].index(service_request.stage)
    stage, now = route[position + 1], timezone.now()
    _refuse_blocked(service_request, found)
    with transaction.atomic():
        run = _freeze(service_request, found)
        event = apply_transition(
            action=Action.ADVANCE,
            service_request=service_request,
            actor=actor,
            revision=revision,
            comment=comment,
            check_run=run,
            stage=stage.key,
            stage_role=str(stage.role),
            stage_entered_at=now,
            due_on=calendar.due_after(stage_target(service_request, stage), start=now),
            assignee=None,
        )
        notices.advanced(service_request=service_request, event=event)
    return event


def approve(
    *,
    service_request: ServiceRequest,
    actor: User,
    revision: int,
    comment: str,
    terms: Terms,
    clauses: Sequence[str] = (),
) -> Event:
    """Approve at the last stage, on evidence gathered now and frozen with the decision.

    Raises NotAllowed, WrongState, Stale, ApprovalBlocked, or ValidationError for a missing reason.
    """
    check_action(Action.APPROVE, service_request, actor)
    check_form(Action.APPROVE, comment=comment, clauses=clauses)
    found = checking.run_checks(service_request)
    _refuse_blocked(service_request, found)
    with transaction.atomic():
        run = _freeze(service_request, found)
        event = apply_transition(
            action=Action.APPROVE,
            service_request=service_request,
            actor=actor,
            revision=revision,
            comment=comment,
            clauses=clauses,
            check_run=run,
            **_closing_columns(),
        )
        stage = event.stage
        _note_cuts(event, service_request.kind_entry.cuts(service_request, terms))
        service_request.kind_entry.on_approved(service_request=service_request, actor=actor, terms=terms)
        # The permission is locked by now: who was given or offered it in the meantime has a part as well.
        check_four_eyes(service_request, actor, stage)
        notices.decided(service_request=service_request, event=event)
    return event


def _refuse_blocked(service_request: ServiceRequest, found: Sequence[Finding]) -> None:
    barred = checking.unwaived(service_request=service_request, found=found)
    if barred:
        # Kept in a transaction of its own: the reviewer must see what barred the approval.
        with transaction.atomic():
            checking.save_check_run(
                service_request=service_request, found=found, occasion=CheckRun.Occasion.RECHECK
            )
        raise ApprovalBlocked(barred)


def _note_cuts(event: Event, cuts: Sequence[Cut]) -> None:
    """Keep, with the approval, what it left out of what was asked for."""
    FieldChange.objects.bulk_create(
        FieldChange(event=event, field=cut.field, label=cut.label, before=cut.asked, after=cut.granted)
        for cut in cuts
    )


def _freeze(service_request: ServiceRequest, found: Sequence[Finding]) -> CheckRun:
    return checking.save_check_run(
        service_request=service_request, found=found, occasion=CheckRun.Occasion.APPROVAL
    )


@transaction.atomic
def deny(
    *,
    service_request: ServiceRequest,
    actor: User,
    revision: int,
    comment: str,
    clauses: Sequence[str],
) -> Event:
    """Deny, with a reason and the clauses it rests on, on the evidence of the newest run.

    Raises NotAllowed, WrongState, Stale, or ValidationError for a missing reason or clause.
    """
    event = apply_transition(
        action=Action.DENY,
        service_request=service_request,
        actor=actor,
        revision=revision,
        comment=comment,
        clauses=clauses,
        check_run=service_request.check_runs.order_by("-id").first(),
        **_closing_columns(),
    )
    service_request.kind_entry.on_closed(service_request=service_request, actor=actor)
    notices.decided(service_request=service_request, event=event)
    return event


def _closing_columns() -> dict[str, Any]:
    return {"closed_at": timezone.now(), "due_on": None, "stage_role": "", "clock_paused_at": None}
