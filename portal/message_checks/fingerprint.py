"""A short description of a message, to look it up among the approved ones."""

from dataclasses import dataclass

from portal.message_checks.canonical import canonical_sha256
from portal.message_checks.parsing import parse_message


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a message."""

    digest: str
    """The SHA-256 of its canonical form, in lower-case hexadecimal."""
    subject: str
    """The subject, decoded (RFC 2047)."""
    is_automatic_reply: bool
    """Whether its header marks it as an automatic reply (RFC 3834 section 5)."""


def fingerprint_of(raw: bytes) -> Fingerprint:
    """Return the fingerprint of a message in RFC 5322 octets. Raises UnreadableMessage if it cannot be read."""
    message = parse_message(raw)
    automatic = any(
        value.lower().partition(";")[0].strip() == "auto-replied"
        for value in message.values("Auto-Submitted")
    )
    return Fingerprint(canonical_sha256(message), message.subject, automatic)
