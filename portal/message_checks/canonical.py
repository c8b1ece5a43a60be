"""The canonical form of a message, its digest, and the differences between two messages (docs/message-checks.md).

The canonical form is what recipients get, whatever a platform changes on the way: From, Sender, Reply-To, the subject,
and every part with its text, links, pictures and files. It leaves out transfer encodings, boundaries, line lengths,
Received, DKIM-Signature, Date, Message-ID and the address of each recipient.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.message_checks.parsing import MessagePart, ParsedMessage, transport_form

VERSION = 2
"""The version of the form. It is part of the form, so that digests of different versions never match."""


@dataclass(frozen=True)
class MessageDifference:
    """One difference between a message and the approved one; `str` gives one sentence."""

    what: str
    approved: str
    now: str

    def __str__(self) -> str:
        return f"{self.what}: approved was {_quoted(self.approved)}; this message has {_quoted(self.now)}."


def canonical_form(message: ParsedMessage) -> Mapping[str, Any]:
    """Return the canonical form as JSON values in a fixed order of keys."""
    return {
        "version": VERSION,
        "from": [_plain(author) for author in message.authors],
        "sender": [_plain(value) for value in message.values("Sender")],
        "reply_to": sorted(message.reply_to),
        "subject": [_plain(value) for value in message.subjects],
        "parts": [
            [part.kind, part.disposition, _plain(part.name), part.content_id, part.sha256]
            for part in message.parts
        ],
    }


def canonical_sha256(message: ParsedMessage) -> str:
    """Return the SHA-256 of the canonical form as UTF-8 JSON, in lower-case hexadecimal."""
    form = json.dumps(canonical_form(message), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest()


def differences(approved: ParsedMessage, other: ParsedMessage) -> list[MessageDifference]:
    """Return the differences, those of the header first; empty if and only if both digests are equal."""
    was, now = canonical_form(approved), canonical_form(other)
    found = [
        MessageDifference(label, ", ".join(was[name]), ", ".join(now[name]))
        for name, label in (
            ("from", "From"),
            ("sender", "Sender"),
            ("reply_to", "Reply-To"),
            ("subject", "Subject"),
        )
        if was[name] != now[name]
    ]
    if was["parts"] == now["parts"]:
        return found
    texts = [("HTML", approved.html, other.html), ("Plain text", approved.plain, other.plain)]
    found += [
        MessageDifference(label, *_first_difference(transport_form(one), transport_form(two)))
        for label, one, two in texts
        if transport_form(one) != transport_form(two)
    ]
    if _others(approved) != _others(other) or not any(
        transport_form(one) != transport_form(two) for _, one, two in texts
    ):
        found.append(MessageDifference("Other parts", _named(approved), _named(other)))
    return found


def _others(message: ParsedMessage) -> list[MessagePart]:
    return [part for part in message.parts if not part.is_body]


def _named(message: ParsedMessage) -> str:
    """Return the names of the attached parts with the first digits of their digests."""
    return (
        ", ".join(
            f"{part.name or part.content_id or part.kind} ({part.sha256[:8]})" for part in _others(message)
        )
        or f"{len(message.parts)} part{'s' * (len(message.parts) != 1)}"
    )


def _first_difference(was: str, now: str) -> tuple[str, str]:
    """Return the first line that differs in each text, from 40 characters before the difference."""
    old, new = was.split("\n"), now.split("\n")
    number = next(
        (at for at, (one, two) in enumerate(zip(old, new, strict=False)) if one != two),
        min(len(old), len(new)),
    )
    one, two = (lines[number] if number < len(lines) else "" for lines in (old, new))
    part = next(
        (at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two))
    )
    start = max(0, part - 40)
    return f"line {number + 1}, {one[start:]}", f"line {number + 1}, {two[start:]}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _quoted(text: str, most: int = 160) -> str:
    short = " ".join(text.split())
    return f"“{short[: most - 1]}…”" if len(short) > most else f"“{short}”" if short else "nothing"
