"""Taking in a message as a file: what is no email message, or could cost too much, is refused (RFC 5322).

After `read_message` the header section is small and well formed and every line ends in CRLF, so that what
works on it later needs no guard of its own.
"""

import re
from dataclasses import dataclass, field

from portal.mailauth.mime_nesting import MOST_DEPTH, MOST_PARTS, nesting
from portal.mailauth.notes import Note, info

LARGEST_BYTES = 10 * 1024 * 1024
LARGEST_HEADER = 256 * 1024
MOST_FIELDS = 1000
LONGEST_BLANKS = 256
"""Blanks and line ends in a row in the header; regular expressions on it take the square of that."""
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+):(.*)", re.DOTALL)
_BLANKS = re.compile(rb"[ \t\r\n]{%d}" % (LONGEST_BLANKS + 1))
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\xd0\xcf\x11\xe0": "an Outlook .msg file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_SAVE_AGAIN = "Save the message itself in the .eml format and use that file."


class MessageRefused(ValueError):
    """The bytes are no message we evaluate; `str(error)` says what is wrong and what to do."""


@dataclass(frozen=True)
class Message:
    """A message taken in: header fields in order (name as written, raw value), and the body, in CRLF form."""

    fields: tuple[tuple[str, bytes], ...]
    header: bytes = field(repr=False)
    """The header section with the CRLF of its last field."""
    body: bytes = field(repr=False)
    notes: tuple[Note, ...] = ()
    parts: int = 1
    depth: int = 0
    """How deep its parts are nested; 0 for a message of one part."""

    def values(self, name: str) -> list[bytes]:
        """The raw values of every field with this name, from the top."""
        return [value for known, value in self.fields if known.lower() == name.lower()]


def read_message(raw: bytes) -> Message:
    """Take in the raw bytes of an .eml file.

    Line ends of LF alone, as Unix saves them, become CRLF. Raises MessageRefused with one sentence.
    """
    _refuse_other_files(raw)
    notes: list[Note] = []
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
        notes.append(info("A byte order mark at the start of the file was left out."))
    ends = raw.count(b"\r\n")
    is_mixed = raw.count(b"\n") > ends
    if is_mixed:
        notes.append(info("Some lines end in LF alone, as files saved on Unix do; they were read as CRLF."))
    if raw.count(b"\r") > ends:
        raise MessageRefused(
            "There is a CR without its LF in it, which no email message may have (RFC 5322 section 2.3). "
            + _SAVE_AGAIN
        )
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
        notes.append(info("The first line is a mailbox separator and was left out."))
    text = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if is_mixed else raw
    header, _, body = text.partition(b"\r\n\r\n")
    fields = _fields(header)
    depth, parts = nesting(text)
    if depth > MOST_DEPTH:
        raise MessageRefused(
            f"Its parts are nested more than {MOST_DEPTH} deep, which no mail program makes."
        )
    if parts > MOST_PARTS:
        raise MessageRefused(f"It has more than {MOST_PARTS} parts, more than we evaluate.")
    return Message(fields, header.removesuffix(b"\r\n") + b"\r\n", body, tuple(notes), parts, depth)


def refuse_size(size: int) -> None:
    """Raise MessageRefused where a file of `size` bytes is too large, so that nobody has to read it first."""
    if size > LARGEST_BYTES:
        raise MessageRefused(
            f"The file has {size / 1024 / 1024:.1f} MB; at most {LARGEST_BYTES // 1024 // 1024} MB are evaluated. "
            "Send the same mail without its attachments."
        )


def _refuse_other_files(raw: bytes) -> None:
    if not raw.strip():
        raise MessageRefused(f"The file is empty. {_SAVE_AGAIN}")
    refuse_size(len(raw))
    for magic, kind in _MAGIC.items():
        if raw.startswith(magic):
            raise MessageRefused(f"This is {kind}, not an email message. {_SAVE_AGAIN}")
    if b"\x00" in raw:
        raise MessageRefused(
            f"There is a NUL byte in it, which no email message may have (RFC 5322 section 4). {_SAVE_AGAIN}"
        )


def _fields(header: bytes) -> tuple[tuple[str, bytes], ...]:
    if len(header) > LARGEST_HEADER:
        raise MessageRefused(
            f"Its header has more than {LARGEST_HEADER // 1024} kB, more than receivers take."
        )
    if _BLANKS.search(header):
        raise MessageRefused(
            f"Its header has more than {LONGEST_BLANKS} blanks in a row, which we do not evaluate."
        )
    found: list[tuple[str, list[bytes]]] = []
    for number, line in enumerate(header.removesuffix(b"\r\n").split(b"\r\n"), start=1):
        if line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line)
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise MessageRefused(f"This is no email message: line {number} is no header field. {_SAVE_AGAIN}")
        found.append((match[1].decode("ascii"), [match[2]]))
    if len(found) > MOST_FIELDS:
        raise MessageRefused(f"Its header has more than {MOST_FIELDS} fields, more than we evaluate.")
    return tuple((name, b"\r\n".join(lines)) for name, lines in found)
