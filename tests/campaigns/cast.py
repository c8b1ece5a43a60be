"""Helpers of the tests of campaigns, beside the people of `tests.cast`."""

from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

from django.utils import timezone

from campaigns import services
from portal.institution import institution
from portal.sending_calendar.windows import Window, is_free, monday_of
from portal.workflow import registry
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import answering, requesting, reviewing
from tests.cast import Cast, fresh

FROM = "alerts@ttu.edu"
ADDRESS = "Texas Tech University, 2500 Broadway Street, Lubbock, TX 79409"
UNSUBSCRIBE = "https://lists.ttu.edu/u/3f9c1e7a5b2d48c6"


def message(
    *,
    subject: str = "How do you eat on campus?",
    sender: str = FROM,
    postal: str = ADDRESS,
    one_click: str = "List-Unsubscribe=One-Click",
    body: str = "We would like to know how you eat on campus. It takes five minutes.",
) -> bytes:
    """A survey's invitation in good order, or with what is said otherwise."""
    made = EmailMessage()
    made["From"] = f"Dining Services <{sender}>"
    made["To"] = "students@lists.ttu.edu"
    made["Subject"] = subject
    made["Date"] = "Mon, 01 Feb 2027 09:00:00 -0600"
    made["Message-ID"] = "<survey-1@ttu.edu>"
    made["List-Unsubscribe"] = f"<{UNSUBSCRIBE}>, <mailto:unsubscribe@ttu.edu>"
    made["List-Unsubscribe-Post"] = one_click
    link = "https://survey.ttu.edu/dining"
    lines = (
        body,
        f"Take part: {link}",
        f"You may opt out of such mail at any time: unsubscribe at {UNSUBSCRIBE}",
        postal,
    )
    made.set_content("\n\n".join(line for line in lines if line) + "\n")
    made.add_alternative(
        f'<html lang="en"><body><p>{body}</p><p><a href="{link}">Take part</a></p><p>You may opt out of such mail at '
        f'any time: <a href="{UNSUBSCRIBE}">unsubscribe</a>.</p><p>{postal}</p></body></html>',
        subtype="html",
    )
    return made.as_bytes()


def free_days(days: int = 3, *, weeks: int = 3) -> date:
    """The first day of a window of `days` that begins on a Monday, `weeks` ahead or later, outside every blackout."""
    place, day = institution(), monday_of(timezone.localdate()) + timedelta(weeks=weeks)
    while not is_free(
        Window(day, day + timedelta(days=max(days, 7) - 1), frozenset({"students", "staff"}), True), [], place
    ):
        day += timedelta(weeks=1)
    return day


def campaign_draft(
    cast: Cast,
    *,
    raw: bytes | None = None,
    people: dict[str, int] | None = None,
    first: date | None = None,
    days: int = 3,
    **columns: Any,
) -> ServiceRequest:
    """A survey of students with every page answered, not yet submitted; `columns` are of the detail row."""
    draft = requesting.create_draft(
        kind=registry.get("campaign"),
        requester=columns.pop("requester", cast.requester),
        department="Dining",
        purpose="To plan the menus of the next year",
        co_owner=columns.pop("co_owner", None),
    )
    begins = first or free_days(days)
    answers: dict[str, Any] = {
        "kind": "survey",
        "runner": "internal",
        "promotes": False,
        "sender_of_record": "Dining Services",
        "from_name": "Dining Services",
        "from_address": FROM,
        "platform": "list_server",
        "audience_source": "Student information system",
        "consent": "duty",
        "is_list_clean": True,
        "first_send_on": begins,
        "last_send_on": begins + timedelta(days=days - 1),
        "messages_each": 2,
        "hourly_rate": 2000,
        "survey_minutes": 5,
        "anonymity": "confidential",
        "data_kept": "On our own server, a year",
        "irb": "not_research",
        "research_office_contact": "Dana of Institutional Research",
        "stop_complaint_percent": "0.30",
        "stop_bounce_percent": "5.00",
        "stopper": cast.requester,
        "stopper_phone": "555 0100",
        "is_attested": True,
    } | columns
    audience = list((people or {"students": 32000}).items())
    answering.write_answers(service_request=draft, answers=answers | {"audience": audience})
    services.add_message(
        service_request=draft, added_by=draft.requester, raw=raw or message(), file_name="survey.eml"
    )
    for step in draft.kind_entry.steps_for(draft):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True, "typed": {}}
        )
    title, subject = draft.kind_entry.summarise(draft)
    ServiceRequest.objects.filter(pk=draft.pk).update(title=title, subject_key=subject)
    return fresh(draft)


def submitted(cast: Cast, **facts: Any) -> ServiceRequest:
    """A campaign in review."""
    draft = campaign_draft(cast, **facts)
    requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
    return fresh(draft)


def passed_on(cast: Cast, request: ServiceRequest, **facts: Any) -> ServiceRequest:
    """The same, passed on to the CIO office by IT."""
    actor = facts.get("actor", cast.reviewer)
    reviewing.advance(service_request=request, actor=actor, revision=request.revision, comment="Fit to send.")
    return fresh(request)
