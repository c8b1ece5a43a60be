"""From one source file to an email's subject, text and HTML.

A source, `templates/mail/<name>.txt`, has a line `Subject: ...`, a line `Button: ...`, the paragraphs, and a
last paragraph `Why: ...` that says why the reader got the message. It is split before it is rendered, so that a
blank line in what a person typed never moves the parts.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.template import Template, engines
from django.template.loader import get_template, render_to_string

from portal.lib.text import one_line, truncate

LONGEST_SUBJECT = 180
_OFF = "{% autoescape off %}"
_ON = "{% endautoescape %}"


@dataclass(frozen=True)
class Email:
    """A rendered email."""

    subject: str
    text: str
    html: str


class MalformedTemplate(ValueError):
    """A source file lacks its subject, button, a paragraph or its reason."""


@dataclass(frozen=True)
class _Source:
    subject: Any
    button: Any
    body: Any
    why: Any


def render_email(name: str, context: Mapping[str, Any]) -> Email:
    """Render `templates/mail/<name>.txt` with `context`. Raises MalformedTemplate for a source without its parts."""
    raw: Template = get_template(f"mail/{name}.txt").template  # type: ignore[attr-defined] # Django's own backend
    source = _taken_apart(name, raw.source)
    facts = dict(context)
    parts = {
        **facts,
        "subject": truncate(one_line(source.subject.render(facts)), LONGEST_SUBJECT),
        "button": one_line(source.button.render(facts)),
        "paragraphs": _paragraphs(source.body.render(facts)),
        "why": one_line(source.why.render(facts)),
    }
    text = render_to_string("mail/layout.txt", parts).strip() + "\n"
    return Email(parts["subject"], text, render_to_string("mail/layout.html", parts))


@lru_cache(maxsize=64)
def _taken_apart(name: str, source: str) -> _Source:
    inner = source.strip().removeprefix(_OFF).removesuffix(_ON).strip()
    head, _, rest = inner.partition("\n\n")
    body, _, why = rest.rpartition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    if {"Subject", "Button"} - set(fields) or not why.startswith("Why: ") or not body.strip():
        raise MalformedTemplate(f"mail/{name}.txt needs Subject, Button, a paragraph and Why.")
    return _Source(
        _compiled(fields["Subject"]),
        _compiled(fields["Button"]),
        _compiled(body),
        _compiled(why.removeprefix("Why: ")),
    )


def _compiled(source: str) -> Any:
    # The parts are text; the HTML layout escapes them when it sets them.
    return engines["django"].from_string(f"{_OFF}{source}{_ON}")


def _paragraphs(text: str) -> list[str]:
    """The paragraphs, without control characters, which neither email nor database should hold."""
    lines = "\n".join(text.splitlines())
    kept = "".join(char for char in lines if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs"))
    return [part.strip() for part in kept.split("\n\n") if part.strip()]
