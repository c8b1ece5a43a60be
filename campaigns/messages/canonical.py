"""What of a message binds its approval, and what differs between two (docs/campaign-messages.md).

The canonical message is what its recipients get, whatever a platform does to carry it: the author, the subject,
where replies go, the words with their links, the pictures, the files. Transfer encodings, boundaries, line
lengths, Received, DKIM-Signature, Date, Message-ID and the address of each recipient are the carrier's own.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.messages.parsing import CampaignMessage

VERSION = 1


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
        "from": sorted(message.senders),
        "reply_to": sorted(message.reply_to),
        "subject": _plain(message.subject),
        "html": _lines(message.html),
        "text": _lines(message.plain),
        "files": sorted([file.name, file.sha256] for file in message.attachments),
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
        for name, label in (("from", "From"), ("reply_to", "Reply-To"))
        if was[name] != now[name]
    ]
    if was["subject"] != now["subject"]:
        found.append(Difference("Subject", was["subject"], now["subject"]))
    for name, label in (("html", "HTML"), ("text", "Plain text")):
        if was[name] != now[name]:
            found.append(Difference(label, *_first_difference(was[name], now[name])))
    if was["files"] != now["files"]:
        found.append(
            Difference("Files", *(", ".join(name for name, _ in form["files"]) for form in (was, now)))
        )
    return found


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


def _lines(text: str) -> str:
    """Normal form C, line ends of LF, no blanks at line ends, no empty lines around: what carriers change."""
    lines = [line.rstrip() for line in _plain(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _quoted(text: str, most: int = 160) -> str:
    short = " ".join(text.split())
    return f"“{short[: most - 1]}…”" if len(short) > most else f"“{short}”" if short else "nothing"
