"""A real worker process delivers what a change wrote, woken by its commit, on the broker of the pass."""

from collections.abc import Callable
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from portal.webhooks import keys
from portal.webhooks.models import Endpoint
from tests.cast import Cast, approved
from tests.support.worker import Worker
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_delivers(cast: Cast, endpoint_for: Callable[..., Endpoint], tmp_path: Path) -> None:
    with Receiver() as receiver, Worker(tmp_path):
        endpoint = endpoint_for(url=receiver.url, events=["grant.issued"])
        approved(cast)
        got = receiver.wait_for(1, seconds=90)[0]
    assert Webhook(keys.shown_secret(endpoint)).verify(got.body, got.headers)["type"] == "grant.issued"
