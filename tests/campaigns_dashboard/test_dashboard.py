"""The dashboard: true figures, the same cost at any size, readable without seeing a picture."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import Browser

from campaigns import dashboard
from campaigns.models import CampaignPermission
from portal.workflow.models import ServiceRequest
from tests.campaigns import cast as campaigns
from tests.cast import Cast, approve, client_of
from tests.engine.test_query_counts import queries
from tests.support.browser import assert_accessible_in_both_schemes, sign_in

pytestmark = pytest.mark.django_db


def test_twelve_months_over_a_year_s_end() -> None:
    span = dashboard.months(date(2027, 1, 31))
    assert span[0] == date(2026, 2, 1)
    assert span[-1] == date(2027, 1, 1)
    assert len(set(span)) == 12


def test_what_waits_is_counted_by_the_institutions_days(cast: Cast) -> None:
    # 10 November 2026, 22:00 in Lubbock, is the 11th in UTC.
    now = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
    with time_machine.travel(now, tick=True):
        request = campaigns.submitted(cast)
        for days, row in ((0, 0), (1, 0), (2, 1), (6, 2), (13, 3), (40, 4)):
            ServiceRequest.objects.filter(pk=request.pk).update(
                stage="cio", stage_entered_at=now - timedelta(days=days), due_on=date(2026, 11, 10)
            )
            found = dashboard.waiting(timezone.localdate())
            assert found.count == 1
            assert found.longest_days == days
            assert [bar.value for bar in found.picture.bars] == ["1" if at == row else "0" for at in range(5)]
        assert found.overdue == 0


def test_campaigns_are_counted_by_month_and_population_and_decisions_by_clause(cast: Cast) -> None:
    grant = approve(cast, campaigns.submitted(cast), actor=cast.cio)
    today = grant.starts_on
    with time_machine.travel(datetime(today.year, today.month, today.day, 18, tzinfo=UTC), tick=True):
        chart = dashboard.by_month(timezone.localdate())
        populations = CampaignPermission.objects.get(grant=grant).audiences.count()
        assert len(chart.shapes) == populations
        assert sum(int(cell) for cell in chart.table.rows[-1][1:]) == populations
        assert dashboard.decided_counts(timezone.localdate()) == {"approved": 1, "denied": 0}
        clauses, without = dashboard.decisions_by_clause(timezone.localdate())
        assert len(clauses.table.rows) + without >= 1


def test_the_cost_does_not_grow(cast: Cast) -> None:
    client = client_of(cast.cio)
    empty = queries(client, "/campaigns/dashboard/")
    approve(cast, campaigns.submitted(cast), actor=cast.cio)
    few = queries(client, "/campaigns/dashboard/")
    campaigns.submitted(cast)
    assert queries(client, "/campaigns/dashboard/") == few
    assert empty <= few <= 12


def test_others_do_not_see_it(cast: Cast) -> None:
    assert client_of(cast.requester).get("/campaigns/dashboard/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_it_is_accessible(cast: Cast, live_server: Any, browser: Browser) -> None:
    page = sign_in(browser, live_server.url, cast.cio)
    page.goto("/campaigns/dashboard/")
    assert_accessible_in_both_schemes(page, "campaign-dashboard-empty")
    grant = approve(cast, campaigns.submitted(cast), actor=cast.cio)
    type(grant).objects.filter(pk=grant.pk).update(starts_on=timezone.localdate())
    request = campaigns.submitted(cast)
    ServiceRequest.objects.filter(pk=request.pk).update(stage="cio")
    page.goto("/campaigns/dashboard/")
    page.locator("summary", has_text="The figures").first.click()
    assert_accessible_in_both_schemes(page, "campaign-dashboard")
