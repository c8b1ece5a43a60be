"""Composing a message from a subject, HTML and text."""

import hashlib
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr

from portal.message_checks.parsing import UnreadableMessage


def compose_message(subject: str, html: str, text: str, sender: str) -> bytes:
    """Return the message as RFC 5322 octets; the same arguments give the same octets.

    `sender` is the value of From. Raises UnreadableMessage for a sender or a subject that cannot be in a header.
    """
    message = EmailMessage(policy=policy.SMTP)
    name, address = parseaddr(sender)
    local, _, domain = address.rpartition("@")
    try:
        message["From"] = Address(name, local, domain)
        message["Subject"] = " ".join(subject.split())
        message["MIME-Version"] = "1.0"
        if text or not html:
            message.set_content(_lines(text), cte="quoted-printable")
        if html and text:
            message.add_alternative(_lines(html), subtype="html", cte="quoted-printable")
            # Derived from the parts and not random as in the standard library, so that the octets are reproducible.
            message.set_boundary(
                "=_" + hashlib.sha256(f"{html}\0{text}".encode(errors="replace")).hexdigest()[:40]
            )
        elif html:
            message.set_content(_lines(html), subtype="html", cte="quoted-printable")
        return message.as_bytes()
    except (ValueError, IndexError, LookupError):
        raise UnreadableMessage(
            "The sender's name, its address or the subject cannot be used in a header. Use plain letters."
        ) from None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").rstrip("\n") + "\n"
