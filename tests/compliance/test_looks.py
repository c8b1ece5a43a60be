"""The daily checks on screen, in a real browser: nothing axe objects to, nothing that scrolls sideways."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.grants.models import Compliance, RecheckRun
from tests.cast import Cast, approved
from tests.support.browser import assert_accessible, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_screens_of_the_daily_checks(cast: Cast, live_server: Any, browser: Any) -> None:
    grant, now = approved(cast), timezone.now()
    Compliance.objects.create(
        grant=grant,
        standing="broken",
        since=now,
        told_at=now,
        checked_at=now,
        unanswered_at=now,
        broken_sentence="REL-3: the directory no longer knows noreply-lab@ttu.edu. Request a change.",
        advice="copier-7.ttu.edu no longer leads to any address.",
    )
    RecheckRun.objects.create(total=40, done=10)
    page = sign_in(browser, live_server.url, cast.reviewer)
    for path, name in (
        ("/queue/", "drift-queue"),
        ("/enforcement/rechecks/", "drift-job"),
        (grant.get_absolute_url(), "drift-grant"),
    ):
        page.goto(path)
        assert_accessible(page, name)

    page.goto("/enforcement/rechecks/")
    RecheckRun.objects.update(done=40, finished_at=now + timedelta(minutes=2))
    page.locator("#recheck-progress").wait_for(state="detached")
    assert "40 of 40" in page.locator("table").inner_text()
