"""What a requester does: begin, answer, submit, send back, withdraw."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.accounts.models import User
from portal.institution import institution
from portal.lib.problems import NotAllowed, Stale, WrongState
from portal.lib.throttle import Rate
from portal.workflow import calendar, notices
from portal.workflow.forms import StepForm
from portal.workflow.kinds import Kind, Stage
from portal.workflow.models import (
    CheckRun,
    Counter,
    DraftStep,
    Event,
    FieldChange,
    Intention,
    Part,
    Question,
    ServiceRequest,
    Snapshot,
)
from portal.workflow.policies import check_action, is_requester
from portal.workflow.services import checking, searching, taking_part
from portal.workflow.services.limits import refuse_too_often
from portal.workflow.services.transition import apply_transition
from portal.workflow.states import Action, State

DRAFTS_OF_ONE_PERSON = Rate(times=100, seconds=3600)
SAVES_OF_ONE_PERSON = Rate(times=180, seconds=300)
"""Pages save themselves two seconds after a pause, and a person may have several open."""
LARGEST_PAGE = 256 * 1024
EDITABLE = (State.DRAFT, State.NEEDS_INFORMATION)


def next_reference(kind: Kind) -> str:
    """The next reference of the kind, such as TM-R-1042; given once, even to two at the same time."""
    Counter.objects.get_or_create(kind=kind.key)
    Counter.objects.filter(kind=kind.key).update(last=F("last") + 1)
    return f"TM-{kind.prefix}-{Counter.objects.get(kind=kind.key).last}"


@transaction.atomic
def create_draft(
    *,
    kind: Kind,
    requester: User,
    intention: Intention = Intention.NEW,
    prefill: str = "",
    **columns: Any,
) -> ServiceRequest:
    """Begin a request of `kind` for `requester`; returns the draft with the kind's empty detail row.

    `prefill` is an answer of the guide that the kind may carry into the form. Raises TooOften.
    """
    refuse_too_often(
        "drafts",
        None,
        requester,
        of_person=DRAFTS_OF_ONE_PERSON,
        sentence="You began many requests in a short time. Those you began are under My requests.",
    )
    service_request = ServiceRequest.objects.create(
        kind=kind.key,
        reference=next_reference(kind),
        intention=intention,
        requester=requester,
        department=columns.pop("department", requester.department),
        **columns,
    )
    taking_part.note_people(service_request=service_request)
    kind.new_detail(service_request)
    if prefill:
        kind.prefill(service_request, prefill)
    Event.objects.create(
        service_request=service_request, actor=requester, action="create", to_state=State.DRAFT
    )
    return service_request


def check_editable(service_request: ServiceRequest, actor: User) -> None:
    """Raise NotAllowed or WrongState unless `actor` may change the answers now."""
    if not is_requester(service_request, actor):
        raise NotAllowed("Only the requester and the co-owner change the answers.")
    if service_request.state not in EDITABLE:
        raise WrongState(
            f"The answers of {service_request.reference} cannot be changed while it is "
            f"{State(service_request.state).label.lower()}."
        )


@transaction.atomic
def save_late(
    *,
    service_request: ServiceRequest,
    actor: User,
    step: str,
    typed: Mapping[str, list[str]],
    revision: int,
) -> bool:
    """Keep what was typed on a page that was drawn at `revision`; whether it was kept. Raises as `save_typed`.

    A page saves itself while its owner goes on. What arrives after the page itself was sent is older than the answers
    that are there by then, and would make them unanswered again.
    """
    check_editable(service_request, actor)
    held = ServiceRequest.objects.select_for_update().filter(pk=service_request.pk, revision=revision)
    if held.values_list("pk", flat=True).first() is None:
        return False
    save_typed(service_request=service_request, actor=actor, step=step, typed=typed)
    return True


def save_typed(
    *, service_request: ServiceRequest, actor: User, step: str, typed: Mapping[str, list[str]]
) -> DraftStep:
    """Keep what was typed on one page, right or wrong.

    Raises NotAllowed, WrongState, TooOften, or ValidationError for more than any page of a form can hold.
    """
    check_editable(service_request, actor)
    refuse_too_often(
        "saves",
        None,
        actor,
        of_person=SAVES_OF_ONE_PERSON,
        sentence="This was saved many times in a short time.",
    )
    if sum(len(name) + sum(map(len, values)) for name, values in typed.items()) > LARGEST_PAGE:
        raise ValidationError("This is more text than the page can hold. Shorten it.")
    draft, _ = DraftStep.objects.update_or_create(
        service_request=service_request,
        step=step,
        defaults={"typed": dict(typed), "is_complete": False, "saved_at": timezone.now()},
    )
    return draft


@transaction.atomic
def save_step(
    *, service_request: ServiceRequest, actor: User, step: str, form: StepForm, revision: int
) -> None:
    """Write the valid answers of one page. Raises NotAllowed, WrongState, or Stale for an old page."""
    check_editable(service_request, actor)
    rows = ServiceRequest.objects.filter(pk=service_request.pk, state__in=EDITABLE, revision=revision).update(
        revision=revision + 1, updated_at=timezone.now()
    )
    if rows != 1:
        raise Stale(
            f"The answers of {service_request.reference} were changed in another window. Your text is still "
            "on this page: compare, and continue again."
        )
    service_request.revision = revision + 1
    form.save()
    service_request.kind_entry.detail_model.forget(service_request)
    title, subject_key = service_request.kind_entry.summarise(service_request)
    service_request.title, service_request.subject_key = title[:150], subject_key[:255]
    service_request.save(
        update_fields=[
            "title",
            "subject_key",
            "department",
            "co_owner",
            "sponsor",
            "functional_mailbox",
            "purpose",
        ]
    )
    taking_part.note_people(service_request=service_request)
    taking_part.note_part(service_request=service_request, person=actor, part=Part.EDITOR)
    DraftStep.objects.update_or_create(
        service_request=service_request,
        step=step,
        defaults={"typed": {}, "is_complete": True, "saved_at": timezone.now()},
    )


def missing_steps(service_request: ServiceRequest) -> list[str]:
    """The keys of the pages that are not answered yet, in order."""
    complete = set(service_request.draft_steps.filter(is_complete=True).values_list("step", flat=True))
    return [
        step.key for step in service_request.kind_entry.steps_for(service_request) if step.key not in complete
    ]


def submit(*, service_request: ServiceRequest, actor: User, revision: int) -> Event:
    """Submit a draft: check, route to the first stage, tell people.

    Raises NotAllowed, WrongState, Stale, or ValidationError where a page is not answered yet.
    """
    check_action(Action.SUBMIT, service_request, actor)
    _require_pages(service_request)
    service_request.kind_entry.before_review(service_request)
    return _send_to_review(
        action=Action.SUBMIT,
        service_request=service_request,
        actor=actor,
        revision=revision,
        stage=service_request.kind_entry.route(service_request)[0],
        due_on=None,
    )


def _require_pages(service_request: ServiceRequest) -> None:
    if missing_steps(service_request):
        raise ValidationError("Some pages are not answered yet. Each is marked below; answer them first.")


def resubmit(
    *,
    service_request: ServiceRequest,
    actor: User,
    revision: int,
    answers: Mapping[int, str],
    comment: str = "",
) -> Event:
    """Answer the open questions (by their ids) and send the request back to the stage that asked.

    What changed is kept field by field; the stage's clock goes on where it was paused. Raises NotAllowed,
    WrongState, Stale, or ValidationError: for a page whose new answers are not right yet, and, keyed
    `answer_<id>`, for a question without an answer.
    """
    check_action(Action.RESUBMIT, service_request, actor)
    _require_pages(service_request)
    questions = list(service_request.questions.filter(answered_at__isnull=True))
    _require_answers(questions, answers)
    service_request.kind_entry.before_review(service_request)
    stage = service_request.current_stage or service_request.kind_entry.route(service_request)[0]
    return _send_to_review(
        action=Action.RESUBMIT,
        service_request=service_request,
        actor=actor,
        revision=revision,
        stage=_still_on_route(service_request, stage),
        due_on=due_after_pause(service_request),
        comment=comment,
        answers={question.pk: answers[question.pk] for question in questions},
    )


def _still_on_route(service_request: ServiceRequest, stage: Stage) -> Stage:
    # Changed answers may change the route: go back to the first stage that was never passed.
    route = service_request.kind_entry.route(service_request)
    passed = set(service_request.events.filter(action=Action.ADVANCE).values_list("stage", flat=True))
    unseen = [entry for entry in route if entry.key not in passed]
    return unseen[0] if unseen else route[-1]


def due_after_pause(service_request: ServiceRequest) -> Any:
    """The stage's day, moved by the business days for which the clock stood still; None without a pause."""
    if service_request.clock_paused_at is None or service_request.due_on is None:
        return service_request.due_on
    paused = calendar.business_days_between(service_request.clock_paused_at, timezone.now())
    return calendar.business_calendar().add(service_request.due_on, paused)


def _require_answers(questions: list[Question], answers: Mapping[int, str]) -> None:
    errors = {
        f"answer_{question.pk}": "Answer this question, or say why you cannot."
        for question in questions
        if not answers.get(question.pk, "").strip()
    }
    if errors:
        raise ValidationError(errors)


def _send_to_review(
    *,
    action: Action,
    service_request: ServiceRequest,
    actor: User,
    revision: int,
    stage: Stage,
    due_on: Any,
    comment: str = "",
    answers: Mapping[int, str] | None = None,
) -> Event:
    found = checking.run_checks(service_request)
    now = timezone.now()
    with transaction.atomic():
        event = apply_transition(
            action=action,
            service_request=service_request,
            actor=actor,
            revision=revision,
            comment=comment,
            stage=stage.key,
            stage_role=str(stage.role),
            stage_entered_at=service_request.stage_entered_at if due_on else now,
            submitted_at=service_request.submitted_at or now,
            due_on=due_on or calendar.due_after(stage_target(service_request, stage), start=now),
            clock_paused_at=None,
        )
        for pk, text in (answers or {}).items():
            Question.objects.filter(pk=pk, service_request=service_request).update(
                answer=text.strip(), answered_by=actor, answered_at=now
            )
        taking_part.note_people(service_request=service_request)
        taking_part.note_part(service_request=service_request, person=actor, part=Part.EDITOR)
        _record_answers(service_request, event)
        checking.save_check_run(
            service_request=service_request, found=found, occasion=CheckRun.Occasion.SUBMISSION
        )
        searching.index(service_request)
        service_request.kind_entry.on_submitted(service_request=service_request, actor=actor)
        notices.sent_to_review(service_request=service_request, event=event)
        notices.named(service_request=service_request, actor=service_request.requester)
    return event


def stage_target(service_request: ServiceRequest, stage: Stage) -> int:
    """The stage's target in business days: the institution's, or the kind's own."""
    return institution().review_targets.get(f"{service_request.kind}.{stage.key}", stage.target_days)


def _record_answers(service_request: ServiceRequest, event: Event) -> None:
    answers = answers_of(service_request)
    before = before_this(service_request)
    Snapshot.objects.create(service_request=service_request, answers=answers)
    if before:
        FieldChange.objects.bulk_create(
            FieldChange(event=event, field=field, label=label, before=old, after=new)
            for field, label, old, new in differences(before, answers)
        )


def before_this(service_request: ServiceRequest) -> list[dict[str, str]]:
    """The answers of the last submission, or what the kind compares a first one with."""
    last = service_request.snapshots.order_by("-id").first()
    return last.answers if last is not None else service_request.kind_entry.baseline(service_request)


def answers_of(service_request: ServiceRequest) -> list[dict[str, str]]:
    """The answers as they stand, in the form that snapshots keep."""
    return [
        {"field": answer.field, "label": answer.label, "value": answer.value}
        for group in service_request.kind_entry.answer_groups(service_request)
        for answer in group.answers
    ]


def differences(before: list[dict[str, str]], after: list[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    """What differs between two lists of answers: (field, label, before, after), in the order of `after`."""
    old = {answer["field"]: answer for answer in before}
    new = {answer["field"]: answer for answer in after}
    order = [*new, *(field for field in old if field not in new)]
    rows = []
    for field in order:
        was, now = old.get(field, {}).get("value", ""), new.get(field, {}).get("value", "")
        if was != now:
            rows.append((field, (new.get(field) or old[field])["label"], was, now))
    return rows


@transaction.atomic
def withdraw(*, service_request: ServiceRequest, actor: User, revision: int, comment: str = "") -> Event:
    """Take the request back. Raises NotAllowed, WrongState or Stale."""
    event = apply_transition(
        action=Action.WITHDRAW,
        service_request=service_request,
        actor=actor,
        revision=revision,
        comment=comment,
        stage_role="",
        due_on=None,
        clock_paused_at=None,
        closed_at=timezone.now(),
    )
    service_request.kind_entry.on_closed(service_request=service_request, actor=actor)
    notices.withdrawn(service_request=service_request, event=event)
    return event
