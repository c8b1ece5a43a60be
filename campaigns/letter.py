"""The letter of a decision: its facts for the page, and the same on paper (PDF)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import font_roboto
from django.utils import timezone
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from portal.grants.selectors import grant_of
from portal.institution import institution
from portal.standards.clauses import clause
from portal.workflow.models import Event
from portal.workflow.states import Action

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest

_MARGIN = 22.0
"""Millimetres."""


@dataclass(frozen=True)
class Letter:
    """What a letter says."""

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

    @property
    def day(self) -> str:
        """The day of the decision, in the institution's zone."""
        return f"{timezone.localtime(self.decided_at):%-d %B %Y}"


def decision_of(service_request: "ServiceRequest") -> Event | None:
    """The event of the decision; None while there is none."""
    made = service_request.events.filter(action__in=(Action.APPROVE, Action.DENY)).select_related("actor")
    return made.order_by("-pk").first()


def letter_of(service_request: "ServiceRequest") -> Letter | None:
    """The letter of the decision; None while the request is undecided."""
    event = decision_of(service_request)
    if event is None:
        return None
    approved = event.action == Action.APPROVE
    grant = grant_of(service_request) if approved else None
    kind = service_request.kind_entry
    facts = (
        []
        if grant is None
        else [(label, ", ".join(lines)) for label, lines in grant.kind_entry.permission_rows(grant)]
    )
    if grant is not None:
        facts.insert(0, ("Window", f"{grant.starts_on:%-d %B %Y} to {grant.ends_on:%-d %B %Y}"))
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
        sentence=grant.kind_entry.permission_sentence(grant) if grant else kind.would_allow(service_request),
        facts=facts,
        closing=(
            "The approval is for exactly this message, these people and these days. It can be taken back where "
            f"deliverability suffers (MKT-5). Hygiene and spam checks of {place.mail_service} stay on (OVR-2, OVR-3)."
            if approved
            else "You may file a new request when the reason is gone."
        ),
    )


def as_pdf(letter: Letter) -> bytes:
    """The letter on one page or more, as PDF with its fonts inside."""
    place = institution()
    pdf = FPDF(format="Letter" if place.country in ("US", "CA") else "A4")
    pdf.set_margins(_MARGIN, _MARGIN, _MARGIN)
    pdf.set_auto_page_break(True, margin=_MARGIN)
    pdf.set_lang("en")
    pdf.set_title(f"{letter.reference}: {letter.decision}")
    pdf.set_author(place.cio_office)
    pdf.set_creation_date(letter.decided_at)  # The same decision gives the same file.
    pdf.add_font("Letter", "", font_roboto.Roboto)
    pdf.add_font("Letter", "B", font_roboto.RobotoBold)
    pdf.add_page()
    _line(pdf, f"{place.name}\n{place.cio_office}", size=11, bold=True)
    _line(pdf, letter.day, gap=8)
    _line(pdf, "\n".join(filter(None, (letter.to, letter.department))), gap=8)
    _line(pdf, f"{letter.reference}: {letter.title}", size=14, bold=True)
    _line(pdf, f"The request is {letter.decision}.", size=12, bold=True)
    _line(pdf, letter.sentence)
    _line(pdf, letter.reason, gap=4)
    if letter.clauses:
        _line(pdf, "It rests on " + "; ".join(f"{key} {words}" for key, words in letter.clauses) + ".", gap=4)
    for label, words in letter.facts:
        _line(pdf, f"{label}: {words}", size=9)
    _line(pdf, letter.closing, gap=6)
    _line(pdf, f"{letter.decided_by}\n{place.cio_office}", gap=10)
    return bytes(pdf.output())


def _line(pdf: FPDF, words: str, *, size: int = 10, bold: bool = False, gap: float = 2) -> None:
    pdf.set_font("Letter", "B" if bold else "", size)
    pdf.ln(gap)
    pdf.multi_cell(0, size * 0.5, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
