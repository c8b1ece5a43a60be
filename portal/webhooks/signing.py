"""The signature under a delivery, as the Standard Webhooks specification has it (version 1, symmetric)."""

import base64
import hmac
from collections.abc import Iterable
from uuid import UUID


def signature(*, secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 (RFC 2104) over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def signed_headers(
    *, secrets: Iterable[bytes], event_id: UUID, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers of a try at `timestamp` (seconds since 1970); one signature for each secret, with blanks."""
    message_id = str(event_id)
    signatures = [
        signature(secret=secret, message_id=message_id, timestamp=timestamp, body=body) for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
