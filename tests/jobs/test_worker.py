"""Every job once by a real worker process, on the broker of the pass: files, or Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from portal.celery import app
from portal.enforcement.models import Pending, Publication
from portal.grants.models import Grant, Reminder
from portal.grants.states import GrantState
from portal.outbox.models import Delivery, OutboxMessage
from portal.workflow.models import Event, ServiceRequest
from tests.cast import Cast, approved, submitted
from tests.support.smtp import SmtpSink

pytestmark = pytest.mark.django_db(transaction=True)
DEADLINE_SECONDS = 120


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


@pytest.fixture
def worker(sink: SmtpSink, tmp_path: Path) -> Iterator[Path]:
    """A worker process on the test database; it publishes to the path it yields."""
    database = connection.settings_dict
    url = os.environ.get("DATABASE_URL", "")
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = url.replace("/postgres?", f"/{database['NAME']}?", 1)
    published = tmp_path / "published"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": url,
        "VAR_DIR": str(settings.VAR_DIR),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(sink.port),
        "PUBLISH_DIR": str(published),
    }
    command = [sys.executable, "-m", "celery", "-A", "portal.celery", "worker", "--pool", "solo"]
    log = (tmp_path / "worker.log").open("wb")
    process = subprocess.Popen(
        [*command, "--loglevel", "INFO", "--without-mingle", "--without-gossip"],
        env=environment, stdout=log, stderr=log, cwd=settings.BASE_DIR,
    )  # fmt: skip
    yield published
    process.terminate()
    process.wait(timeout=20)


def until(holds: Callable[[], Any], what: str, folder: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.2)
    log = (folder.parent / "worker.log").read_text()
    raise AssertionError(f"{what} did not happen within {DEADLINE_SECONDS} s:\n{log[-3000:]}")


def test_a_worker_does_every_job(cast: Cast, worker: Path, sink: SmtpSink, settings: Any) -> None:
    settings.PUBLISH_DIR = str(worker)
    grant = approved(cast)  # wakes deliver_outbox and publish_changes on commit
    until(sink.subjects, "Delivery of mail", worker)
    until(Publication.objects.exists, "Publication after a change", worker)
    until((worker / "manifest.json").is_file, "The manifest", worker)
    assert Pending.objects.get().changed_at is None

    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(ends_on=today + timedelta(days=7))
    app.send_task("portal.grants.tasks.send_reminders")
    until(Reminder.objects.exists, "A reminder", worker)
    until(lambda: any("days left" in subject for subject in sink.subjects()), "The reminder’s mail", worker)

    Grant.objects.filter(pk=grant.pk).update(
        starts_on=today - timedelta(days=9), ends_on=today - timedelta(days=1)
    )
    app.send_task("portal.grants.tasks.lapse_grants")
    until(lambda: Grant.objects.get().state == GrantState.LAPSED, "The lapse", worker)
    app.send_task("portal.enforcement.tasks.publish")
    until(lambda: Publication.objects.count() >= 2, "The day’s publication", worker)

    late = submitted(cast, address="129.118.10.21", host="copier-9.ttu.edu")
    ServiceRequest.objects.filter(pk=late.pk).update(due_on=today - timedelta(days=1))
    app.send_task("portal.workflow.tasks.escalate_overdue")
    until(lambda: Event.objects.filter(action="escalate").exists(), "The escalation", worker)
    assert ServiceRequest.objects.get(pk=late.pk).state == "in_review"
    until(
        lambda: not OutboxMessage.objects.exclude(state=Delivery.SENT).exists(),
        "Delivery of all mail",
        worker,
    )
