"""Comparing a message with the approved message of a campaign. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.models import CampaignPermission
from campaigns.selectors import judged
from portal.message_checks.canonical import canonical_sha256, differences
from portal.message_checks.parsing import parse_message


@dataclass(frozen=True)
class Comparison:
    """The comparison of a message with an approved one."""

    digest: str
    """The SHA-256 of the canonical form of the given message, in lower-case hexadecimal."""
    approved_digest: str
    differences: Sequence[str]
    """The differences, one sentence each; empty if it is the approved message."""

    @property
    def is_approved(self) -> bool:
        """Whether it is the approved message. Only the digest decides."""
        return self.digest == self.approved_digest


def permission_of(reference: str) -> CampaignPermission | None:
    """Return the campaign permission with this reference, loaded for `selectors.standing`; None if there is none."""
    rows = judged().select_related("message")
    return rows.filter(grant__reference__iexact=reference.strip()).first()


def compare(permission: CampaignPermission, raw: bytes) -> Comparison:
    """Compare `raw` (RFC 5322 octets) with the approved message. Raises UnreadableMessage if it cannot be read."""
    message = parse_message(raw)
    digest = canonical_sha256(message)
    if digest == permission.canonical_sha256:
        return Comparison(digest, permission.canonical_sha256, ())
    approved = parse_message(bytes(permission.message.raw))
    return Comparison(digest, permission.canonical_sha256, tuple(map(str, differences(approved, message))))
