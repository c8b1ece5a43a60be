"""Endpoints for the tests of webhooks."""

from collections.abc import Callable
from typing import Any

import pytest

from portal.webhooks.models import Endpoint, EventType
from portal.webhooks.services import register_endpoint
from tests.cast import Cast

URL = "https://hooks.example.edu/techmail"
EVERYTHING = tuple(kind.value for kind in EventType if kind is not EventType.TEST)


@pytest.fixture
def endpoint_for(cast: Cast) -> Callable[..., Endpoint]:
    """Registers an endpoint."""

    def register(**facts: Any) -> Endpoint:
        wanted = {"url": URL, "description": "Tickets", "events": EVERYTHING, **facts}
        return register_endpoint(actor=cast.admin, **wanted)

    return register
