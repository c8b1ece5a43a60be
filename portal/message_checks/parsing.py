"""Reading a message as its recipients get it (RFC 5322, RFC 2045), with its links and pictures."""

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.message import Message as Message_
from email.parser import BytesParser
from typing import Any

from portal.lib import confined
from portal.mailauth.message_intake import Message, MessageRefused, read_message
from portal.message_checks.budgets import (
    BEYOND,
    MEGABYTES,
    MOST_MARKS,
    SECONDS,
    UnreadableMessage,
    check_structure,
    check_text,
)
from portal.message_checks.markup import Markup, read_markup

__all__ = ["MessagePart", "ParsedMessage", "UnreadableMessage", "parse_message", "transport_form"]


@dataclass(frozen=True)
class MessagePart:
    """One leaf part of the MIME structure: text, picture, calendar or file, shown or attached."""

    kind: str
    """The media type in lower case, such as text/html."""
    disposition: str
    name: str
    content_id: str
    size: int
    """Octets of the decoded content."""
    sha256: str
    """The SHA-256 of the content: for text, in the form that transport does not change (`transport_form`)."""
    is_body: bool
    """Whether it is the HTML or plain text that recipients read."""


@dataclass(frozen=True)
class ParsedMessage:
    """A message as its recipients get it."""

    source: Message = field(repr=False)
    """The header fields and the body as received, with CRLF line ends."""
    subject: str
    subjects: tuple[str, ...]
    """Every Subject field, decoded; a valid message has exactly one."""
    senders: tuple[str, ...]
    """Every address of every From field, in lower case."""
    reply_to: tuple[str, ...]
    html: str = field(repr=False)
    """The HTML part, decoded; "" if there is none."""
    plain: str = field(repr=False)
    """The plain-text part, decoded; "" if there is none."""
    markup: Markup = field(repr=False)
    """What the HTML shows, links to and loads, or the plain text if there is no HTML."""
    authors: tuple[str, ...]
    """Every From field as people read it: decoded names and addresses."""
    parts: tuple[MessagePart, ...]
    """Every leaf part, in order."""
    size: int
    """Octets of the whole message."""

    @property
    def text(self) -> str:
        """Return the message as text: its plain-text part, or else the visible text of its HTML."""
        return self.plain or self.markup.text

    @property
    def shown(self) -> str:
        """Return the text that a recipient can see, without hidden text."""
        return self.markup.text or self.plain

    def values(self, name: str) -> list[str]:
        """Return the unfolded values of all header fields with this name, from the top."""
        return [_unfolded(value) for value in self.source.values(name)]


def parse_message(raw: bytes) -> ParsedMessage:
    """Return a message in RFC 5322 octets as its recipients get it, read in a confined process.

    Raises UnreadableMessage with one sentence if `raw` is not a message or costs too much to read, and `confined.Busy`,
    which says nothing about the message.
    """
    try:
        return confined.run(read_here, raw, seconds=SECONDS, megabytes=MEGABYTES)
    except confined.Exceeded as error:
        raise UnreadableMessage(BEYOND.get(error.limit, str(error))) from error


def read_here(raw: bytes) -> ParsedMessage:
    """Do the same in this process, which must be a confined one. Raises UnreadableMessage."""
    try:
        source = read_message(raw)
    except MessageRefused as error:
        raise UnreadableMessage(str(error)) from None
    check_structure(source)
    try:
        return _read(source)
    except UnreadableMessage:
        raise
    # The parser of the standard library is lenient, and still raises many kinds of errors for broken headers.
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError):
        raise UnreadableMessage(
            "The parts of this message cannot be read. Save it again from the program that sends it."
        ) from None


def _read(source: Message) -> ParsedMessage:
    whole = source.header + b"\r\n" + source.body
    message = BytesParser(policy=policy.default).parsebytes(whole)
    assert isinstance(message, EmailMessage)
    html, plain = _text_of(message, "html"), _text_of(message, "plain")
    markup = read_markup(html) if html else Markup.of_plain(plain)
    for text in (plain, markup.text, markup.hidden):
        check_text(text)
    return ParsedMessage(
        source=source,
        subject=" ".join(str(message.get("Subject", "")).split()),
        subjects=tuple(_shown(message, "Subject")),
        senders=tuple(_addresses(message, "From")),
        reply_to=tuple(_addresses(message, "Reply-To")),
        html=html,
        plain=plain,
        markup=markup,
        authors=tuple(_shown(message, "From")),
        parts=tuple(_parts(message)),
        size=len(whole),
    )


def _addresses(message: EmailMessage, name: str) -> Iterator[str]:
    for value in message.get_all(name, []):
        found: tuple[Address, ...] = getattr(value, "addresses", ())
        yield from (address.addr_spec.lower() for address in found if address.addr_spec)


def _text_of(message: EmailMessage, kind: str) -> str:
    part: Any = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    content = part.get_content()
    return content.replace("\r\n", "\n").replace("\0", "") if isinstance(content, str) else ""


def _shown(message: EmailMessage, name: str) -> Iterator[str]:
    yield from (" ".join(str(value).split()) for value in message.get_all(name, []))


def _parts(message: EmailMessage) -> Iterator[MessagePart]:
    bodies = [message.get_body(preferencelist=(kind,)) for kind in ("html", "plain")]
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        octets = content if isinstance(content, bytes) else b""
        is_text = part.get_content_maintype() == "text"
        bound = transport_form(_decoded(part, octets)).encode("utf-8", "replace") if is_text else octets
        yield MessagePart(
            kind=part.get_content_type(),
            disposition=part.get_content_disposition() or "",
            name=" ".join((part.get_filename() or "").split())[:150],
            content_id=" ".join(str(part.get("Content-ID", "")).split()),
            size=len(octets),
            sha256=hashlib.sha256(bound).hexdigest(),
            is_body=any(part is body for body in bodies),
        )


def _decoded(part: Message_, octets: bytes) -> str:
    try:
        return octets.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return octets.decode("utf-8", "replace")


def transport_form(text: str) -> str:
    """Return text in the form that transport does not change: Unicode NFC, LF line ends, no trailing spaces or blank lines around.

    Raises UnreadableMessage for a letter with more than `MOST_MARKS` combining marks.
    """
    _check_marks(text)
    plain = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in plain.split("\n")).strip("\n")


def _check_marks(text: str) -> None:
    """Raise UnreadableMessage for too many marks on one letter: sorting them takes the square of their number."""
    if text.isascii():
        return
    run = 0
    for sign in text:
        run = run + 1 if sign > "\u02ff" and unicodedata.combining(sign) else 0
        if run > MOST_MARKS:
            raise UnreadableMessage(f"A letter in it has more than {MOST_MARKS} accents. Remove them.")


def _unfolded(value: bytes) -> str:
    text = value.replace(b"\r\n", b"").decode("utf-8", "replace")
    return " ".join(text.split())
