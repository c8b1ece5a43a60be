"""What of a message binds its approval, and what differs between two (docs/campaign-messages.md).

The canonical message is what its recipients get, whatever a platform does to carry it: who it says it is from, the
subject, where replies go, and every part: the words with their links, the pictures, the files. Transfer encodings,
boundaries, line lengths, Received, DKIM-Signature, Date, Message-ID and the address of each recipient are the
carrier's own.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.message_checks.parsing import CampaignMessage, Part, carried

VERSION = 2
"""In the form itself, so that a digest of another version never matches: what is bound again is judged again."""


@dataclass(frozen=True)
class Difference:
    """One thing in which a message differs from the approved one."""

    what: str
    approved: str
    now: str

    def __str__(self) -> str:
        return f"{self.what}: approved was {_quoted(self.approved)}; this message has {_quoted(self.now)}."


def canonical_form(message: CampaignMessage) -> Mapping[str, Any]:
    """What binds, as JSON values in a fixed order."""
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


def canonical_sha256(message: CampaignMessage) -> str:
    """SHA-256 of the canonical form as UTF-8 JSON, in lower-case hexadecimal."""
    form = json.dumps(canonical_form(message), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest()


def differences(approved: CampaignMessage, other: CampaignMessage) -> list[Difference]:
    """What differs, the header first; empty exactly where both digests agree."""
    was, now = canonical_form(approved), canonical_form(other)
    found = [
        Difference(label, ", ".join(was[name]), ", ".join(now[name]))
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
        Difference(label, *_first_difference(carried(one), carried(two)))
        for label, one, two in texts
        if carried(one) != carried(two)
    ]
    if _others(approved) != _others(other) or not any(carried(one) != carried(two) for _, one, two in texts):
        found.append(Difference("Other parts", _named(approved), _named(other)))
    return found


def _others(message: CampaignMessage) -> list[Part]:
    return [part for part in message.parts if not part.is_body]


def _named(message: CampaignMessage) -> str:
    """The parts besides the two that are read, with the beginnings of their digests."""
    return (
        ", ".join(
            f"{part.name or part.content_id or part.kind} ({part.sha256[:8]})" for part in _others(message)
        )
        or f"{len(message.parts)} part{'s' * (len(message.parts) != 1)}"
    )


def _first_difference(was: str, now: str) -> tuple[str, str]:
    """The first differing line of each, from a little before where they part."""
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
