"""Whether a message is the one that a grant allows, and what differs. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.models import CampaignPermission
from campaigns.selectors import judged
from portal.message_checks.canonical import canonical_sha256, differences
from portal.message_checks.parsing import parse_message


@dataclass(frozen=True)
class Comparison:
    """A message held against an approval."""

    digest: str
    """The SHA-256 of the canonical form of the message at hand, in lower-case hexadecimal."""
    approved_digest: str
    differences: Sequence[str]
    """What differs, a sentence each; empty where it is the approved message."""

    @property
    def is_approved(self) -> bool:
        """Whether it is the approved message. The digest alone decides."""
        return self.digest == self.approved_digest


def permission_of(reference: str) -> CampaignPermission | None:
    """What the campaign grant of this reference allows, with what its standing rests on; None where there is none."""
    rows = judged().select_related("message")
    return rows.filter(grant__reference__iexact=reference.strip()).first()


def compare(permission: CampaignPermission, raw: bytes) -> Comparison:
    """Hold `raw` (RFC 5322 octets) against the approved message. Raises UnreadableMessage where it is none."""
    message = parse_message(raw)
    digest = canonical_sha256(message)
    if digest == permission.canonical_sha256:
        return Comparison(digest, permission.canonical_sha256, ())
    approved = parse_message(bytes(permission.message.raw))
    return Comparison(digest, permission.canonical_sha256, tuple(map(str, differences(approved, message))))
