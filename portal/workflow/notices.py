"""Who is told what, when a request moves. Called by services, inside their transactions."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from portal.accounts.models import people_with_role
from portal.accounts.roles import Role
from portal.institution import institution
from portal.outbox.services import enqueue
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.states import State

if TYPE_CHECKING:
    from portal.accounts.models import User


def _asking_people(service_request: ServiceRequest) -> "list[User]":
    people = [service_request.requester, service_request.co_owner]
    return [person for person in people if person is not None and person.is_active]


def _deciders(service_request: ServiceRequest) -> list[str]:
    """The addresses of the stage: the assignee, else its role; the institution's contact where that is empty."""
    if service_request.assignee is not None and service_request.assignee.is_active:
        return [service_request.assignee.email]
    role = service_request.stage_role
    parties = {service_request.requester_id, service_request.co_owner_id, service_request.sponsor_id}
    people = list(people_with_role([Role(role)])) if role else []
    people += service_request.kind_entry.deputies(service_request)
    addresses = [person.email for person in people if person.pk not in parties]
    return addresses or [institution().contact_email]


def _tell(
    template: str,
    service_request: ServiceRequest,
    recipients: Iterable[str],
    event: Event,
    **context: Any,
) -> None:
    for recipient in dict.fromkeys(recipients):
        enqueue(
            recipient=recipient,
            template=template,
            thread=service_request.reference,
            unique_key=f"{template}:{event.pk}:{recipient}",
            context={
                "reference": service_request.reference,
                "title": service_request.title,
                "kind_label": service_request.kind_entry.label,
                "path": service_request.get_absolute_url(),
                "actor": event.who,
                "comment": event.comment,
                **context,
            },
        )


def _stage_label(service_request: ServiceRequest) -> str:
    stage = service_request.current_stage
    return stage.label if stage else ""


def sent_to_review(*, service_request: ServiceRequest, event: Event) -> None:
    """Receipt to the asking people who want progress mail; news to the stage's people."""
    wanting = [person.email for person in _asking_people(service_request) if person.wants_progress_notices]
    facts = {"stage": _stage_label(service_request), "due_on": service_request.due_on}
    template = "request_received" if event.action == "submit" else "request_answered"
    if event.action == "submit":
        _tell("request_received", service_request, wanting, event, **facts)
        template = "request_waits"
    _tell(template, service_request, _deciders(service_request), event, **facts)


def advanced(*, service_request: ServiceRequest, event: Event) -> None:
    """News to the next stage's people, and progress to the asking people who want it."""
    wanting = [person.email for person in _asking_people(service_request) if person.wants_progress_notices]
    facts = {"stage": _stage_label(service_request), "due_on": service_request.due_on}
    _tell("request_progress", service_request, wanting, event, **facts)
    _tell("request_waits", service_request, _deciders(service_request), event, **facts)


def asked(*, service_request: ServiceRequest, event: Event) -> None:
    """A question always reaches the asking people."""
    _tell("request_question", service_request, (p.email for p in _asking_people(service_request)), event)


def decided(*, service_request: ServiceRequest, event: Event) -> None:
    """A decision always reaches the asking people and the functional mailbox."""
    recipients = [person.email for person in _asking_people(service_request)]
    if service_request.functional_mailbox:
        recipients.append(service_request.functional_mailbox)
    approved = service_request.state == State.APPROVED
    _tell(
        "request_decided",
        service_request,
        recipients,
        event,
        decision="approved" if approved else "denied",
        clauses=list(event.clauses),
        note=service_request.kind_entry.decision_note(service_request) if approved else "",
    )


def withdrawn(*, service_request: ServiceRequest, event: Event) -> None:
    """Reviewers who had the request learn that it is gone; a draft concerned nobody."""
    if event.from_state == State.DRAFT:
        return
    assignee = service_request.assignee
    recipients = [assignee.email] if assignee is not None and assignee.is_active else []
    _tell("request_withdrawn", service_request, recipients, event)


def closed_moot(*, service_request: ServiceRequest, event: Event) -> None:
    """The portal closed a request: the asking people learn why, and so does the one who had it."""
    recipients = [person.email for person in _asking_people(service_request)]
    assignee = service_request.assignee
    if event.from_state != State.DRAFT and assignee is not None and assignee.is_active:
        recipients.append(assignee.email)
    _tell("request_comment", service_request, recipients, event, actor=institution().product)


def commented(*, service_request: ServiceRequest, event: Event) -> None:
    """A public comment reaches the other side: asking people, or the one who has the request."""
    people = _asking_people(service_request)
    others = [person.email for person in people if person.pk != event.actor_id]
    assignee = service_request.assignee
    if assignee is not None and assignee.pk != event.actor_id and assignee.is_active:
        others.append(assignee.email)
    _tell("request_comment", service_request, others, event)


def overdue(*, service_request: ServiceRequest, event: Event) -> None:
    """A stage's people, and the institution's contact, learn that its day has passed."""
    recipients = [*_deciders(service_request), institution().contact_email]
    _tell(
        "request_overdue",
        service_request,
        recipients,
        event,
        stage=_stage_label(service_request),
        due_on=service_request.due_on,
    )
