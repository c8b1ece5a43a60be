"""The letter of a decision on paper (docs/decisions/0004-letters-as-pdf.md). Heavy: imported where it is used."""

import logging

import font_roboto
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from campaigns.letter import Letter
from portal.institution import institution

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every glyph that it leaves out

_MARGIN = 22.0
"""Millimetres."""


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
