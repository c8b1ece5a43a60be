"""The content of a decision letter, for the page and for the PDF."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from campaigns import selectors
from campaigns.standing import StandingCode
from portal.grants.models import Grant
from portal.grants.selectors import grant_of
from portal.institution import institution
from portal.sending_calendar.labels import span_label
from portal.standards.clauses import clause
from portal.ui.moments import day_in_words
from portal.workflow.models import Event
from portal.workflow.states import Action

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest

SIGNED_OFF = "Approved by"


@dataclass(frozen=True)
class Stamp:
    """The stamp on the letter of an approval that no longer applies as written."""

    mark: str
    """A word or two, such as "Revoked"; printed in capitals."""
    on: str
    """The day since which it applies, formatted; "" if there is none."""
    meaning: str

    @property
    def line(self) -> str:
        """The mark with its day."""
        return f"{self.mark} on {self.on}" if self.on else self.mark


@dataclass(frozen=True)
class Letter:
    """The content of a decision letter."""

    reference: str
    title: str
    to: str
    department: str
    decision: str
    decided_at: datetime
    decided_by: str
    reason: str
    clauses: list[tuple[str, str]]
    sentence: str
    facts: list[tuple[str, str]]
    closing: str
    stamp: Stamp | None
    """None if the decision applies as written."""

    @property
    def day(self) -> str:
        """The day of the decision, in the institution's zone."""
        return day_in_words(timezone.localdate(self.decided_at))

    @property
    def address(self) -> str:
        """Return the address of the letter with its current stamp, for readers of a printed copy."""
        return f"{settings.PUBLIC_URL}{reverse('campaign_letter', args=[self.reference])}"


def decision_of(service_request: "ServiceRequest") -> Event | None:
    """Return the event of the decision; None until there is one."""
    made = service_request.events.filter(action__in=(Action.APPROVE, Action.DENY)).select_related("actor")
    return made.order_by("-pk").first()


def letter_of(service_request: "ServiceRequest") -> Letter | None:
    """Return the letter of the decision; None until there is one."""
    event = decision_of(service_request)
    if event is None:
        return None
    approved = event.action == Action.APPROVE
    grant = grant_of(service_request) if approved else None
    is_in_use = grant is not None and grant.latest_request_id == service_request.pk
    kind = service_request.kind_entry
    sentence = kind.would_allow(service_request)
    facts: list[tuple[str, str]] = []
    stamp = _stamp(grant, is_in_use=is_in_use) if grant is not None else None
    if grant is not None and is_in_use:
        sentence = grant.kind_entry.permission_sentence(grant)
        facts = _facts(grant)
    elif grant is not None:
        facts = [
            ("Since then", f"The permission was changed. See the letter of {grant.latest_request.reference}.")
        ]
    place = institution()
    return Letter(
        reference=service_request.reference,
        title=service_request.title,
        to=str(service_request.requester),
        department=service_request.department,
        decision="approved" if approved else "denied",
        decided_at=event.at,
        decided_by=event.who,
        reason=event.comment,
        clauses=[(key, clause(key).title) for key in event.clauses],
        # What no longer applies must not read as if it did.
        sentence=f"As decided that day: {sentence}" if stamp else sentence,
        facts=facts,
        stamp=stamp,
        closing=(
            "The approval is for exactly this message, these people and these days. It can be revoked if it "
            f"harms deliverability (MKT-5). Malware and spam checks of {place.mail_service} still apply (OVR-2, OVR-3)."
            if approved
            else "You may file a new request when this reason no longer applies."
        ),
    )


def _stamp(grant: Grant, *, is_in_use: bool) -> Stamp | None:
    """Return the stamp that the letter needs today; None if it applies as written."""
    standing = selectors.standings([grant]).get(grant.pk)
    if standing is None:  # Without a grant nobody can say what it allows.
        return Stamp("Not in force", "", f"{grant.reference} allows nothing now.")
    ends_all = standing.code in (StandingCode.REVOKED, StandingCode.ENDED, StandingCode.AFTER_WINDOW)
    if not is_in_use and not ends_all:
        later = grant.latest_request.reference
        return Stamp(
            "Replaced", "", f"The permission was changed later. See the letter of {later} for what it allows."
        )
    if not standing.stamp:
        return None
    since = day_in_words(standing.since) if standing.since else ""
    return Stamp(standing.stamp, since, standing.sentence)


def _facts(grant: Grant) -> list[tuple[str, str]]:
    rows = [
        (label, ", ".join(lines))
        for label, lines in grant.kind_entry.permission_rows(grant)
        if label != SIGNED_OFF
    ]
    return [("Window", span_label(grant.starts_on, grant.ends_on)), *rows]
