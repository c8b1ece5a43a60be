"""What identifies a message among the approved ones: worked out in a confined process, so it knows no models."""

from dataclasses import dataclass

from portal.message_checks.canonical import canonical_sha256
from portal.message_checks.parsing import parse_message


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A message in short."""

    digest: str
    """SHA-256 of its canonical form, in lower-case hexadecimal."""
    subject: str
    """Its subject, decoded."""
    is_automatic_reply: bool
    """Whether it says that a program wrote it as an answer (RFC 3834 section 5)."""


def fingerprint_of(raw: bytes) -> Fingerprint:
    """The fingerprint of `raw` (RFC 5322 octets). Raises UnreadableMessage where it is no message."""
    message = parse_message(raw)
    automatic = any(
        value.lower().partition(";")[0].strip() == "auto-replied"
        for value in message.values("Auto-Submitted")
    )
    return Fingerprint(canonical_sha256(message), message.subject, automatic)
