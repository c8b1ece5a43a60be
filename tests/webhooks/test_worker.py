"""A real worker process delivers what a change wrote, woken by its commit, on the broker of the pass."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from standardwebhooks.webhooks import Webhook

from portal.webhooks import keys
from portal.webhooks.models import Endpoint
from tests.cast import Cast, approved
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_delivers(cast: Cast, endpoint_for: Callable[..., Endpoint], tmp_path: Path) -> None:
    url = os.environ.get("DATABASE_URL", "")
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else url.replace("/postgres?", f"/{name}?", 1)
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_URL": url,
        "VAR_DIR": str(settings.VAR_DIR),
    }  # fmt: skip
    command = [sys.executable, "-m", "celery", "-A", "portal.celery", "worker", "--pool", "solo"]
    with Receiver() as receiver, (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--without-mingle", "--without-gossip"], env=environment, stdout=log, stderr=log,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
        try:
            endpoint = endpoint_for(url=receiver.url, events=["grant.issued"])
            approved(cast)
            got = receiver.wait_for(1, seconds=90)[0]
        finally:
            worker.terminate()
            worker.wait(timeout=20)
    assert Webhook(keys.shown_secret(endpoint)).verify(got.body, got.headers)["type"] == "grant.issued"
