"""Every job once by a real worker process, on the broker of the pass: files, or Redis."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.celery import app
from portal.enforcement.models import Pending, Publication
from portal.grants.models import Grant, GrantEvent, Reminder
from portal.grants.states import GrantState
from portal.outbox.models import Delivery, Notification
from portal.ownership.models import OwnerSearchStep
from portal.workflow.models import Event, ServiceRequest
from tests.cast import Cast, approved, submitted
from tests.support.smtp import SmtpSink
from tests.support.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


@pytest.fixture
def worker(sink: SmtpSink, tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path, sink.port) as running:
        yield running


def test_a_worker_does_every_job(cast: Cast, worker: Worker, sink: SmtpSink, settings: Any) -> None:
    settings.PUBLISH_DIR = str(worker.published)
    grant = approved(cast)  # wakes deliver_outbox and publish_changes on commit
    worker.until(sink.subjects, "Delivery of mail")
    worker.until(Publication.objects.exists, "Publication after a change")
    worker.until((worker.published / "manifest.json").is_file, "The manifest")
    assert Pending.objects.get().changed_at is None

    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(ends_on=today + timedelta(days=7))
    app.send_task("portal.grants.tasks.send_reminders")
    worker.until(Reminder.objects.exists, "A reminder")
    worker.until(lambda: any("days left" in subject for subject in sink.subjects()), "The reminder’s mail")

    Grant.objects.filter(pk=grant.pk).update(
        starts_on=today - timedelta(days=9), ends_on=today - timedelta(days=1)
    )
    # As an approved change of the term would have it: a row that nobody changed explains nothing to the guard.
    GrantEvent.objects.create(grant=grant, action="change", from_state=grant.state, to_state=grant.state)
    app.send_task("portal.grants.tasks.lapse_grants")
    worker.until(lambda: Grant.objects.get().state == GrantState.LAPSED, "The lapse")
    app.send_task("portal.enforcement.tasks.publish")
    worker.until(lambda: Publication.objects.count() >= 2, "The day’s publication")

    Grant.objects.filter(pk=grant.pk).update(state=GrantState.ACTIVE, ends_on=today + timedelta(days=90))
    DirectoryAddress.objects.filter(address=cast.requester.email).update(gone_at=timezone.now())
    app.send_task("portal.ownership.tasks.reassign_unowned")
    worker.until(lambda: OwnerSearchStep.objects.filter(stage="it").exists(), "The search for an owner")

    late = submitted(cast, address="129.118.10.21", host="copier-9.ttu.edu")
    ServiceRequest.objects.filter(pk=late.pk).update(due_on=today - timedelta(days=1))
    app.send_task("portal.workflow.tasks.escalate_overdue")
    worker.until(lambda: Event.objects.filter(action="escalate").exists(), "The escalation")
    assert ServiceRequest.objects.get(pk=late.pk).state == "in_review"
    worker.until(
        lambda: not Notification.objects.exclude(state=Delivery.SENT).exists(),
        "Delivery of all mail",
    )
