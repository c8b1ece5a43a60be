"""The verification that docs/webhooks.md shows, run as it stands there."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from portal.webhooks import keys
from portal.webhooks.models import Delivery, Endpoint, EventType
from portal.webhooks.signing import signed_headers
from tests.cast import Cast, submitted

DOC = (settings.BASE_DIR / "docs" / "webhooks.md").read_text()


def documented() -> Callable[..., bool]:
    source = re.search(r"```python\n(.*?)```", DOC, re.DOTALL)
    assert source is not None
    names: dict[str, Any] = {}
    exec(source[1], names)
    found: Callable[..., bool] = names["is_genuine"]
    return found


@pytest.mark.django_db
def test_the_example_verifies_what_the_portal_sends(
    cast: Cast, endpoint_for: Callable[..., Endpoint]
) -> None:
    endpoint = endpoint_for()
    submitted(cast)
    delivery, is_genuine = Delivery.objects.get(), documented()
    body, secret, now = delivery.body.encode(), keys.shown_secret(endpoint), int(time.time())
    given = [keys.derived(endpoint, keys.new_salt()), keys.derived(endpoint, endpoint.salt)]
    headers = signed_headers(secrets=given, event_id=delivery.event_id, timestamp=now, body=body)
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    assert not is_genuine(secret, headers | {"webhook-id": "another"}, body)
    assert not is_genuine("whsec_" + "A" * 43 + "=", headers, body)
    old = signed_headers(secrets=given, event_id=delivery.event_id, timestamp=now - 400, body=body)
    assert not is_genuine(secret, old, body)


def test_every_event_is_documented() -> None:
    assert [kind.value for kind in EventType if f"`{kind.value}`" not in DOC] == []
