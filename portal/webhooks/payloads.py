"""What an event says: little, stable, and nothing that the page it names would not show its owner.

No names of people, no comments, no reasons and no answers of the form: whoever needs more opens the link and
signs in. `docs/webhooks.md` is the interface; the golden files of the tests hold it still.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from portal.enforcement.models import HostState
from portal.grants.models import Grant
from portal.webhooks.models import Endpoint
from portal.workflow.models import ServiceRequest


def body_of(*, event_id: UUID, event_type: str, occurred_at: datetime, data: dict[str, Any]) -> str:
    """The body of an event: JSON in ASCII on one line. It never changes between tries."""
    event = {
        "id": str(event_id),
        "type": str(event_type),
        "occurred_at": in_utc(occurred_at),
        "data": data,
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=True)


def in_utc(moment: datetime) -> str:
    """A moment in UTC with milliseconds (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def about_request(service_request: ServiceRequest) -> dict[str, Any]:
    """A request: which, of what kind, and where it stands."""
    return {
        "reference": service_request.reference,
        "kind": service_request.kind,
        "intention": str(service_request.intention),
        "state": str(service_request.state),
        "link": _link(service_request.get_absolute_url()),
    }


def about_grant(grant: Grant) -> dict[str, Any]:
    """A permission: which, where it stands, its term, and the request whose answers are in force."""
    return {
        "reference": grant.reference,
        "kind": grant.kind,
        "state": str(grant.state),
        "starts_on": grant.starts_on.isoformat(),
        "ends_on": grant.ends_on.isoformat(),
        "request": grant.latest_request.reference,
        "link": _link(grant.get_absolute_url()),
    }


def about_drift(state: HostState) -> dict[str, Any]:
    """A mail host whose files differ; not in which lines, since those name people's addresses."""
    return {
        "reference": f"{state.host}/{state.target}",
        "host": state.host,
        "target": state.target,
        "serial": state.serial,
        "state": "drifted",
        "link": _link(reverse("enforcement")),
    }


def about_test(endpoint: Endpoint) -> dict[str, Any]:
    """A test."""
    return {
        "reference": f"webhook-{endpoint.pk}",
        "state": "test",
        "link": _link(endpoint.get_absolute_url()),
    }


def _link(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"
