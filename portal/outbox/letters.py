"""From one source file to a letter's subject, text and HTML.

A source, `templates/mail/<name>.txt`, has a line `Subject: ...`, a line `Button: ...`, the paragraphs, and a
last paragraph `Why: ...` that says why the reader got the message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from portal.lib.text import one_line, truncate

LONGEST_SUBJECT = 180


@dataclass(frozen=True)
class Letter:
    """A rendered letter."""

    subject: str
    text: str
    html: str


class MalformedLetter(ValueError):
    """A source file lacks its subject, button or reason."""


def render_letter(name: str, context: Mapping[str, Any]) -> Letter:
    """Render `templates/mail/<name>.txt` with `context`. Raises MalformedLetter for a source without its parts."""
    source = render_to_string(f"mail/{name}.txt", dict(context))
    paragraphs = [part.strip() for part in source.split("\n\n") if part.strip()]
    head, body, why = paragraphs[0], paragraphs[1:-1], paragraphs[-1]
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    if {"Subject", "Button"} - set(fields) or not why.startswith("Why: ") or not body:
        raise MalformedLetter(f"mail/{name}.txt needs Subject, Button, a paragraph and Why.")
    subject = truncate(one_line(fields["Subject"]), LONGEST_SUBJECT)
    parts = {
        **context,
        "subject": subject,
        "button": one_line(fields["Button"]),
        "paragraphs": body,
        "why": one_line(why.removeprefix("Why: ")),
    }
    text = render_to_string("mail/layout.txt", parts).strip() + "\n"
    return Letter(subject, text, render_to_string("mail/layout.html", parts))
