"""From what happened to rows that wait for delivery, in the transaction of what happened.

The listeners run inside the services of lower apps, so that a change rolled back sends nothing, and a change that
stands is told even if the worker, the broker or the network is away.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone

from portal.enforcement.models import HostState
from portal.grants.models import GrantEvent
from portal.grants.states import GrantState
from portal.lib import dispatch
from portal.webhooks import payloads
from portal.webhooks.models import Delivery, Endpoint, EndpointState, EventType
from portal.workflow.models import Event
from portal.workflow.states import State

logger = logging.getLogger(__name__)

_REQUESTS: dict[str, EventType] = {
    State.APPROVED: EventType.REQUEST_DECIDED,
    State.DENIED: EventType.REQUEST_DECIDED,
    State.WITHDRAWN: EventType.REQUEST_WITHDRAWN,
}
_GRANTS_BY_ACTION = {
    "issue": EventType.GRANT_ISSUED,
    "renew": EventType.GRANT_RENEWED,
    "change": EventType.GRANT_CHANGED,
    "prove": EventType.GRANT_PROVEN,
}
_GRANTS_BY_STATE: dict[str, EventType] = {
    GrantState.UNPROVEN: EventType.GRANT_RESUMED,
    GrantState.ACTIVE: EventType.GRANT_RESUMED,
    GrantState.SUSPENDED: EventType.GRANT_SUSPENDED,
    GrantState.LAPSED: EventType.GRANT_LAPSED,
    GrantState.ENDED: EventType.GRANT_ENDED,
    GrantState.REVOKED: EventType.GRANT_REVOKED,
}


def of_request(event: Event) -> None:
    """Write the deliveries of a request's step, where it is one that programs can hear of."""
    kind = request_event_type(event)
    if kind:
        record(kind, event.at, lambda: payloads.about_request(event.service_request))


def request_event_type(event: Event) -> EventType | None:
    """Which event a step is; None for a draft's, and for steps within a review."""
    if event.from_state == event.to_state:
        return None
    if event.from_state == State.DRAFT:
        return EventType.REQUEST_SUBMITTED if event.to_state == State.IN_REVIEW else None
    return _REQUESTS.get(event.to_state)


def of_grant(event: GrantEvent) -> None:
    """Write the deliveries of a permission's change, where it is one that programs can hear of."""
    kind = grant_event_type(event)
    if kind:
        record(kind, event.at, lambda: payloads.about_grant(event.grant))


def grant_event_type(event: GrantEvent) -> EventType | None:
    """Which event a change is; None where neither the state nor the term changed, as at a handing over."""
    named = _GRANTS_BY_ACTION.get(event.action)
    if named or event.from_state == event.to_state:
        return named
    return _GRANTS_BY_STATE[event.to_state]


def of_drift(state: HostState) -> None:
    """Write the deliveries of a drift that was noted now."""
    record(EventType.EXPORT_DRIFTED, timezone.now(), lambda: payloads.about_drift(state))


def record(kind: EventType, occurred_at: datetime, data: Callable[[], dict[str, Any]]) -> int:
    """Write one delivery for each endpoint that wants `kind`, paused ones too; returns how many.

    Must run inside the transaction of what happened. `data` is asked only where somebody wants it.
    """
    kept = Endpoint.objects.exclude(state=EndpointState.REMOVED).only("id", "events")
    wanted = [endpoint for endpoint in kept if kind.value in endpoint.events]
    if wanted:
        write(kind, occurred_at, data(), wanted)
    return len(wanted)


def write(
    kind: EventType, occurred_at: datetime, data: dict[str, Any], endpoints: list[Endpoint]
) -> list[Delivery]:
    """Write the rows of one event, and wake a worker once they are committed; returns them."""
    event_id = uuid.uuid4()
    body = payloads.body_of(event_id=event_id, event_type=kind, occurred_at=occurred_at, data=data)
    rows = [
        Delivery(
            endpoint=endpoint, event_id=event_id, event_type=kind, reference=data["reference"], body=body
        )
        for endpoint in endpoints
    ]
    Delivery.objects.bulk_create(rows)
    deliver_soon()
    return rows


def deliver_soon() -> None:
    """Ask a worker, once this transaction is done, to deliver."""
    dispatch.after_commit("portal.webhooks.tasks.deliver_webhooks", otherwise="the sweep will deliver")
