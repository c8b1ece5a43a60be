"""What people see of the daily checks: on the grant's page, above the queue, on the job's page."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.grants.compliance import PANEL_ROWS, drifting_grants
from portal.grants.models import Compliance, Grant, RecheckRun
from tests.cast import Cast, approved, client_of, make_cast
from tests.support.pages import flat

pytestmark = pytest.mark.django_db
SENTENCE = "REL-3: the directory no longer knows noreply-lab@ttu.edu."


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def drifting(cast: Cast, number: int) -> Grant:
    grant = approved(cast, address=f"129.118.10.{20 + number}", host=f"copier-{number}.ttu.edu")
    now = timezone.now() - timedelta(hours=number)
    Compliance.objects.create(
        grant=grant, standing="broken", since=now, told_at=now, checked_at=now, broken_sentence=SENTENCE
    )
    return grant


def test_reviewers_see_drift_before_the_queue_oldest_first_and_capped(cast: Cast) -> None:
    for number in range(PANEL_ROWS + 2):
        drifting(cast, number)
    client = client_of(cast.reviewer)
    client.get("/queue/")
    with CaptureQueriesContext(connection) as captured:
        page = client.get("/queue/").content.decode()
    assert len(captured) <= 8
    assert page.index("Out of compliance") < page.index('id="queue"')
    assert page.count(SENTENCE) == PANEL_ROWS
    with CaptureQueriesContext(connection) as captured:
        rows = drifting_grants(cast.auditor)
        assert [row.grant.reference for row in rows]
    since = [row.since for row in rows]
    assert (len(rows), since) == (PANEL_ROWS, sorted(since))


def test_the_queue_shows_no_panel_where_nothing_drifts(cast: Cast) -> None:
    approved(cast)
    assert "Out of compliance" not in client_of(cast.reviewer).get("/queue/").content.decode()
    assert drifting_grants(cast.requester) == []


def test_the_owner_reads_what_changed(cast: Cast) -> None:
    grant = drifting(cast, 0)
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert SENTENCE in page
    meta = page[page.index("<h1") : page.index("What you can do")]
    assert "Out of compliance" in meta
    assert "tone-pass" not in meta
    assert "the permission is suspended on" not in page  # relay grants are not
    assert "Last checked" in page


def test_the_page_says_when_it_is_suspended(cast: Cast, settings: Any) -> None:
    grant = drifting(cast, 0)
    settings.INSTITUTION = dataclasses.replace(settings.INSTITUTION, suspends_when_broken={"relay": True})
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "the permission is suspended on" in page


def test_the_jobs_page_shows_progress_to_readers_only(cast: Cast) -> None:
    run = RecheckRun.objects.create(total=40, done=10)
    page = client_of(cast.auditor).get("/enforcement/rechecks/").content.decode()
    assert '<progress id="recheck-progress" max="40" value="10">' in flat(page)
    assert 'hx-trigger="every 5s"' in flat(page)
    assert client_of(cast.requester).get("/enforcement/rechecks/").status_code == 403
    RecheckRun.objects.filter(pk=run.pk).update(moved_at=timezone.now() - timedelta(hours=1))
    page = client_of(cast.auditor).get("/enforcement/rechecks/").content.decode()
    assert "It stopped before the end" in page
    assert "<progress" not in page
