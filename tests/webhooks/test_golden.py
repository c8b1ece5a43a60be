"""The messages as receivers have come to know them: a changed golden file is a changed interface."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portal.enforcement.models import HostState
from portal.grants.models import Grant
from portal.webhooks import payloads
from portal.webhooks.models import Endpoint, EventType
from portal.workflow.models import ServiceRequest

GOLDEN = Path(__file__).parent / "golden"
EVENT_ID = uuid.UUID("0190f3a2-7c1e-4b5d-9a6f-1234567890ab")
AT = datetime(2026, 11, 24, 16, 42, 7, 120_999, tzinfo=UTC)
REQUEST = ServiceRequest(
    reference="TM-R-1042",
    kind="relay",
    intention="renewal",
    state="approved",
    title="Copier, room 5",
    purpose="Scans",
    department="Physics",
    functional_mailbox="lab@ttu.edu",
)
GRANT = Grant(
    reference="TM-R-1001",
    kind="relay",
    state="revoked",
    starts_on=datetime(2025, 12, 1).date(),
    ends_on=datetime(2026, 11, 30).date(),
    latest_request=REQUEST,
    title="Copier, room 5",
    state_reason="Spam was sent.",
)
HOST = HostState(host="relay1.ttu.edu", target="postfix", serial=2026112401, differing="+ 192.0.2.1 OK")


def data_of(kind: EventType) -> dict[str, Any]:
    if kind is EventType.EXPORT_DRIFTED:
        return payloads.about_drift(HOST)
    if kind is EventType.TEST:
        return payloads.about_test(Endpoint(pk=7))
    return payloads.about_grant(GRANT) if kind.startswith("grant.") else payloads.about_request(REQUEST)


@pytest.mark.parametrize("kind", ["request.decided", "grant.revoked", "export.drifted", "webhook.test"])
def test_a_message_is_as_it_always_was(kind: str) -> None:
    body = payloads.body_of(event_id=EVENT_ID, event_type=kind, occurred_at=AT, data=data_of(EventType(kind)))
    assert body + "\n" == (GOLDEN / f"{kind}.json").read_text()
    assert body.isascii()
    assert json.loads(body)["occurred_at"] == "2026-11-24T16:42:07.120Z"
