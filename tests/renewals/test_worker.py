"""A batch by a real worker process, which is killed in the middle: another one finishes, nothing is approved twice."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from portal.celery import app
from portal.renewals.models import LEASE, BulkRow, BulkRun, Result
from portal.renewals.services import deciding
from portal.workflow.models import Event
from tests.cast import Cast
from tests.renewals.conftest import green_renewals
from tests.support.dns_server import DnsServer
from tests.support.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 5


def decided() -> int:
    return BulkRow.objects.exclude(result=Result.WAITING).count()


def test_a_worker_is_killed_in_the_middle_and_another_finishes(
    cast: Cast, names: DnsServer, tmp_path: Path
) -> None:
    rows = green_renewals(cast, names, ROWS)
    names.delay = 0.2  # each row asks the DNS three times, so that the kill comes in the middle
    with Worker(tmp_path, DNS_RESOLVER=names.address) as first:
        run = deciding.approve_chosen(
            actor=cast.reviewer,
            key=uuid.uuid4(),
            reason="Nothing changed.",
            chosen=[(row.reference, row.revision) for row in rows],
        )
        first.until(decided, "The first row", pause=0.05)
        first.kill()
    run.refresh_from_db()
    assert 0 < decided() < ROWS
    assert run.finished_at is None

    names.delay = 0.0
    BulkRun.objects.update(moved_at=timezone.now() - LEASE - timedelta(seconds=1))  # the lease runs out
    with Worker(tmp_path, DNS_RESOLVER=names.address) as second:
        app.send_task("portal.renewals.tasks.resume_runs")
        second.until(BulkRun.objects.filter(finished_at__isnull=False).exists, "The end")
    assert set(run.rows.values_list("result", flat=True)) == {Result.APPROVED}
    approvals = Event.objects.filter(action="approve", comment="Nothing changed.")
    assert sorted(approvals.values_list("service_request", flat=True)) == sorted(row.pk for row in rows)
