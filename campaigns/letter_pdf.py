"""The decision letter as PDF (docs/decisions/0004-letters-as-pdf.md). Slow to load, so imported where it is used."""

import logging

import font_roboto
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from campaigns.letter import Letter, Stamp
from portal.institution import institution

logging.getLogger("fontTools").setLevel(logging.WARNING)  # The library logs every glyph that it leaves out.

_MARGIN = 22.0
"""Millimetres."""


class _Paper(FPDF):
    """A document with the stamp, if there is one, at the top of every page."""

    stamp: Stamp | None = None

    def header(self) -> None:
        """The stamp in a thick frame: a mark in capitals with its day, and what it means."""
        if self.stamp is None:
            return
        top = self.get_y()
        self.set_line_width(0.9)
        self.set_xy(_MARGIN + 4, top + 3)
        self.set_font("Letter", "B", 18)
        self.multi_cell(self.epw - 8, 9, self.stamp.line.upper(), align="C", new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_font("Letter", "", 10)
        self.multi_cell(self.epw - 8, 5, self.stamp.meaning, align="C", new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.rect(_MARGIN, top, self.epw, self.get_y() + 3 - top)
        self.set_line_width(0.2)
        self.set_xy(_MARGIN, self.get_y() + 8)


def as_pdf(letter: Letter) -> bytes:
    """The letter on one page or more, as PDF with its fonts inside."""
    place = institution()
    pdf = _Paper(format="Letter" if place.country in ("US", "CA") else "A4")
    pdf.set_margins(_MARGIN, _MARGIN, _MARGIN)
    pdf.set_auto_page_break(True, margin=_MARGIN)
    pdf.set_lang("en")
    standing = f", {letter.stamp.line}" if letter.stamp else ""
    pdf.set_title(f"{letter.reference}: {letter.decision}{standing}")
    pdf.set_author(place.cio_office)
    pdf.set_creation_date(letter.decided_at)  # The same decision and standing give the same file.
    pdf.add_font("Letter", "", font_roboto.Roboto)
    pdf.add_font("Letter", "B", font_roboto.RobotoBold)
    pdf.stamp = letter.stamp
    pdf.add_page()
    _line(pdf, f"{place.name}\n{place.cio_office}", size=11, bold=True)
    _line(pdf, letter.day, gap=8)
    _line(pdf, "\n".join(filter(None, (letter.to, letter.department))), gap=8)
    _line(pdf, f"{letter.reference}: {letter.title}", size=14, bold=True)
    _line(pdf, f"The request {'was' if letter.stamp else 'is'} {letter.decision}.", size=12, bold=True)
    _line(pdf, letter.sentence)
    _line(pdf, letter.reason, gap=4)
    if letter.clauses:
        _line(pdf, "It rests on " + "; ".join(f"{key} {words}" for key, words in letter.clauses) + ".", gap=4)
    for label, words in letter.facts:
        _line(pdf, f"{label}: {words}", size=9)
    _line(pdf, letter.closing, gap=6)
    _line(pdf, f"{letter.decided_by}\n{place.cio_office}", gap=10)
    _line(pdf, f"To see whether this still applies: {letter.address}", size=9, gap=8)
    return bytes(pdf.output())


def _line(pdf: FPDF, words: str, *, size: int = 10, bold: bool = False, gap: float = 2) -> None:
    pdf.set_font("Letter", "B" if bold else "", size)
    pdf.ln(gap)
    pdf.multi_cell(0, size * 0.5, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
