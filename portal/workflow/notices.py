"""Who is told what, when a request moves. Called by services, inside their transactions."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from portal.accounts.models import User
from portal.institution import institution
from portal.lib.throttle import Rate, seconds_to_wait
from portal.outbox.services import enqueue
from portal.workflow.models import Event, FieldChange, Participation, ServiceRequest
from portal.workflow.policies import NAMED, bar_of, parts_of, people_who_may_decide
from portal.workflow.states import State

NAMINGS = Rate(times=20, seconds=86_400)
"""How many people one person's requests tell by email, a day, that they were named."""


def _asking_people(service_request: ServiceRequest) -> list[User]:
    """The requester, and a co-owner who accepted to be one: nobody gets email because somebody else named them."""
    people = [service_request.requester]
    if service_request.co_owner is not None and _has_accepted(service_request, service_request.co_owner):
        people.append(service_request.co_owner)
    return [person for person in people if person.is_active]


def _has_accepted(service_request: ServiceRequest, person: User) -> bool:
    return any(row.accepted_at is not None for row in parts_of(service_request, person) if row.part in NAMED)


def _deciders(service_request: ServiceRequest) -> list[str]:
    """The addresses of the stage: the assignee, else those who may decide; the institution's contact if nobody may."""
    assignee = service_request.assignee
    if assignee is not None and assignee.is_active and not bar_of(service_request, assignee):
        return [assignee.email]
    people = people_who_may_decide(service_request)
    return [person.email for person in people] or [institution().contact_email]


def named(*, service_request: ServiceRequest, actor: User) -> None:
    """One notice to each person who was named as co-owner or sponsor; the rest of the email waits until they accept.

    Beyond `NAMINGS` a day nobody is told by email: the request is among their requests all the same.
    """
    waiting = Participation.objects.filter(
        service_request=service_request,
        part__in=NAMED,
        told_at__isnull=True,
        accepted_at__isnull=True,
        person__in=[pk for pk in (service_request.co_owner_id, service_request.sponsor_id) if pk],
    ).exclude(person=actor)
    for row in waiting.select_related("person"):
        if not row.person.is_active or seconds_to_wait(f"naming:{actor.pk}", NAMINGS):
            continue
        Participation.objects.filter(pk=row.pk).update(told_at=timezone.now())
        enqueue(
            recipient=row.person.email,
            template="request_named",
            thread=service_request.reference,
            unique_key=f"request_named:{service_request.pk}:{row.person_id}",
            context={
                "reference": service_request.reference,
                "title": service_request.title,
                "kind_label": service_request.kind_entry.label,
                "path": service_request.get_absolute_url(),
                "actor": str(actor),
                "part": row.get_part_display().lower(),
            },
        )


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


def _stage_facts(service_request: ServiceRequest) -> dict[str, Any]:
    """The stage in words, and the role that nobody holds who could decide it ("" where somebody does)."""
    stage = service_request.current_stage
    stuck = stage is not None and not people_who_may_decide(service_request)
    return {
        "stage": _stage_label(service_request),
        "missing_role": stage.role.label if stage is not None and stuck else "",
    }


def sent_to_review(*, service_request: ServiceRequest, event: Event) -> None:
    """Receipt to the asking people who want progress mail; news to the stage's people."""
    wanting = [person.email for person in _asking_people(service_request) if person.wants_progress_notices]
    facts = {**_stage_facts(service_request), "due_on": service_request.due_on}
    template = "request_received" if event.action == "submit" else "request_answered"
    if event.action == "submit":
        _tell("request_received", service_request, wanting, event, **facts)
        template = "request_waits"
    _tell(template, service_request, _deciders(service_request), event, **facts)


def advanced(*, service_request: ServiceRequest, event: Event) -> None:
    """News to the next stage's people, and progress to the asking people who want it."""
    wanting = [person.email for person in _asking_people(service_request) if person.wants_progress_notices]
    facts = {**_stage_facts(service_request), "due_on": service_request.due_on}
    _tell("request_progress", service_request, wanting, event, **facts)
    _tell("request_waits", service_request, _deciders(service_request), event, **facts)


def asked(*, service_request: ServiceRequest, event: Event) -> None:
    """A question always reaches the asking people."""
    _tell("request_question", service_request, (p.email for p in _asking_people(service_request)), event)


def decided(*, service_request: ServiceRequest, event: Event) -> None:
    """A decision always reaches the asking people, the functional mailbox and a sponsor who accepted."""
    recipients = [person.email for person in _asking_people(service_request)]
    if service_request.functional_mailbox:
        recipients.append(service_request.functional_mailbox)
    sponsor = service_request.sponsor
    if sponsor is not None and sponsor.is_active and _has_accepted(service_request, sponsor):
        recipients.append(sponsor.email)
    approved = service_request.state == State.APPROVED
    _tell(
        "request_decided",
        service_request,
        recipients,
        event,
        decision="approved" if approved else "denied",
        clauses=list(event.clauses),
        note=service_request.kind_entry.decision_note(service_request) if approved else "",
        connect=service_request.kind_entry.connect_lines(service_request) if approved else [],
        cuts=[_cut_words(change) for change in event.changes.all()] if approved else [],
    )


def _cut_words(cut: FieldChange) -> str:
    asked, granted = (", ".join(text.splitlines()) for text in (cut.before, cut.after))
    return f"{cut.label}: {granted or 'none'}" + (f" (asked for: {asked})" if asked else "")


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
        **_stage_facts(service_request),
        due_on=service_request.due_on,
    )
