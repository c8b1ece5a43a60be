"""Reading a campaign's message as its recipients will (RFC 5322, RFC 2045), with links and pictures named."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from campaigns.messages.markup import Markup, read_markup
from portal.mailauth.message_intake import Message, MessageRefused, read_message


class UnreadableMessage(ValueError):
    """The bytes are no message that could be sent; `str(error)` says what is wrong and what to do."""


@dataclass(frozen=True)
class Attachment:
    """A file that the message carries: its name, its size in octets, and the SHA-256 of its content."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CampaignMessage:
    """A message as its recipients get it."""

    source: Message = field(repr=False)
    """The header fields and the body as they came, in CRLF form."""
    subject: str
    senders: tuple[str, ...]
    """Every address of every From field, in lower case."""
    reply_to: tuple[str, ...]
    html: str = field(repr=False)
    """The HTML part, decoded; "" where there is none."""
    plain: str = field(repr=False)
    """The plain part, decoded; "" where there is none."""
    markup: Markup = field(repr=False)
    """What the HTML shows, links to and loads; of the plain part where there is no HTML."""
    attachments: tuple[Attachment, ...]
    size: int
    """Octets of the whole message."""

    @property
    def text(self) -> str:
        """The message as text: its plain part, or what its HTML shows."""
        return self.plain or self.markup.text

    @property
    def shown(self) -> str:
        """What a recipient can see, of either part; hidden text is not in it."""
        return self.markup.text or self.plain

    def values(self, name: str) -> list[str]:
        """The unfolded values of every field of this name, from the top."""
        return [_unfolded(value) for value in self.source.values(name)]


def parse_message(raw: bytes) -> CampaignMessage:
    """Read an .eml. Raises UnreadableMessage, with one sentence, for anything that is no message."""
    try:
        source = read_message(raw)
    except MessageRefused as error:
        raise UnreadableMessage(str(error)) from None
    try:
        return _read(source)
    # The parser of the standard library is lenient, and still fails on some broken headers in many ways.
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError):
        raise UnreadableMessage(
            "The parts of this message cannot be read. Save it again from the program that sends it."
        ) from None


def _read(source: Message) -> CampaignMessage:
    whole = source.header + b"\r\n" + source.body
    message = BytesParser(policy=policy.default).parsebytes(whole)
    assert isinstance(message, EmailMessage)
    html, plain = _text_of(message, "html"), _text_of(message, "plain")
    return CampaignMessage(
        source=source,
        subject=" ".join(str(message.get("Subject", "")).split()),
        senders=tuple(_addresses(message, "From")),
        reply_to=tuple(_addresses(message, "Reply-To")),
        html=html,
        plain=plain,
        markup=read_markup(html) if html else Markup.of_plain(plain),
        attachments=tuple(_attachments(message)),
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


def _attachments(message: EmailMessage) -> Iterator[Attachment]:
    for part in message.walk():
        if not part.is_multipart() and part.get_content_disposition() == "attachment":
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
            name = " ".join((part.get_filename() or "without a name").split())[:150]
            yield Attachment(name, len(content), hashlib.sha256(content).hexdigest())


def _unfolded(value: bytes) -> str:
    text = value.replace(b"\r\n", b"").decode("utf-8", "replace")
    return " ".join(text.split())
