"""A batch by a real worker process, which is killed in the middle: another one finishes, nothing is approved twice."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from portal.celery import app
from portal.renewals.models import LEASE, BulkRow, BulkRun, Result
from portal.renewals.services import deciding
from portal.workflow.models import Event
from tests.cast import Cast
from tests.renewals.conftest import green_renewals
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
DEADLINE_SECONDS = 90
ROWS = 5


@contextmanager
def worker(folder: Path, names: DnsServer) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the test's database, broker and name server."""
    database, url = connection.settings_dict, os.environ.get("DATABASE_URL", "")
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = url.replace("/postgres?", f"/{database['NAME']}?", 1)
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_URL": url,
        "VAR_DIR": str(settings.VAR_DIR), "DNS_RESOLVER": names.address,
    }  # fmt: skip
    command = [sys.executable, "-m", "celery", "-A", "portal.celery", "worker", "--pool", "solo"]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--loglevel", "INFO", "--without-mingle", "--without-gossip"],
            env=environment, stdout=log, stderr=log, cwd=settings.BASE_DIR,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)


def until(holds: Callable[[], Any], what: str, folder: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.05)
    log = (folder / "worker.log").read_text()
    raise AssertionError(f"{what} did not happen within {DEADLINE_SECONDS} s:\n{log[-3000:]}")


def decided() -> int:
    return BulkRow.objects.exclude(result=Result.WAITING).count()


def test_a_worker_is_killed_in_the_middle_and_another_finishes(
    cast: Cast, names: DnsServer, tmp_path: Path
) -> None:
    rows = green_renewals(cast, names, ROWS)
    names.delay = 0.2  # each row asks the DNS three times, so that the kill comes in the middle
    with worker(tmp_path, names) as first:
        run = deciding.approve_chosen(
            actor=cast.reviewer, key=uuid.uuid4(), reason="Nothing changed.",
            chosen=[(row.reference, row.revision) for row in rows],
        )  # fmt: skip
        until(decided, "The first row", tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=10)
    run.refresh_from_db()
    assert 0 < decided() < ROWS
    assert run.finished_at is None

    names.delay = 0.0
    BulkRun.objects.update(moved_at=timezone.now() - LEASE - timedelta(seconds=1))  # the lease runs out
    with worker(tmp_path, names):
        app.send_task("portal.renewals.tasks.resume_runs")
        until(lambda: BulkRun.objects.filter(finished_at__isnull=False).exists(), "The end", tmp_path)
    assert set(run.rows.values_list("result", flat=True)) == {Result.APPROVED}
    approvals = Event.objects.filter(action="approve", comment="Nothing changed.")
    assert sorted(approvals.values_list("service_request", flat=True)) == sorted(row.pk for row in rows)
