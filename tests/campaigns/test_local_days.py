"""Days are the institution's: at its midnights, when the clocks change, and at the year's end."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from campaigns import calendar_rules, selectors
from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from tests.campaigns.cast import submitted
from tests.cast import Cast, approve

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (
            datetime(2026, 11, 1, 4, 30, tzinfo=UTC),
            date(2026, 10, 31),
        ),  # 23:30 in summer time, the night it ends
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 5, 30, tzinfo=UTC), date(2026, 11, 1)),  # 23:30 in winter time
        (datetime(2027, 3, 14, 5, 30, tzinfo=UTC), date(2027, 3, 13)),  # the night before the short day
        (datetime(2027, 3, 15, 4, 30, tzinfo=UTC), date(2027, 3, 14)),
        (datetime(2027, 1, 1, 5, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2027, 1, 1, 6, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_lead_time_counts_from_the_local_day_of_the_filing(moment: datetime, day: date) -> None:
    assert calendar_rules.filed_on(ServiceRequest(submitted_at=moment)) == day


@pytest.mark.parametrize(
    ("first", "opens", "last_second", "over"),
    [
        # The window is one long day of 25 hours, one short day of 23 hours, and the last day of a year.
        (date(2026, 11, 1), "2026-11-01T05:00:00", "2026-11-02T05:59:59", "2026-11-02T06:00:00"),
        (date(2027, 3, 14), "2027-03-14T06:00:00", "2027-03-15T04:59:59", "2027-03-15T05:00:00"),
        (date(2027, 12, 31), "2027-12-31T06:00:00", "2028-01-01T05:59:59", "2028-01-01T06:00:00"),
    ],
)
def test_a_campaign_is_in_force_from_midnight_to_midnight_there(
    cast: Cast, first: date, opens: str, last_second: str, over: str
) -> None:
    with time_machine.travel("2026-09-01T15:00:00+00:00", tick=True):
        request = submitted(cast, first=first, days=1, hourly_rate=4000, kind="notice")
        assert request.stage == "deliverability"
    ServiceRequest.objects.filter(pk=request.pk).update(stage="cio", stage_role="cio_office")
    request.refresh_from_db()
    with time_machine.travel("2026-09-02T15:00:00+00:00", tick=True):
        for finding in request.kind_entry.check(request):
            if finding.blocks:  # the winter break is a blackout: the office sets it aside
                request.waivers.create(
                    rule=finding.rule, clause=finding.clause, reason="x", waived_by=cast.cio
                )
        grant = approve(cast, request, actor=cast.cio)
    for moment, expected in ((opens, True), (last_second, True), (over, False)):
        with time_machine.travel(f"{moment}+00:00", tick=False):
            assert Grant.objects.get(pk=grant.pk).is_in_force_today is expected, moment
    before = datetime.fromisoformat(f"{opens}+00:00").timestamp() - 1
    with time_machine.travel(before, tick=False):
        assert not Grant.objects.get(pk=grant.pk).is_in_force_today


def test_a_window_over_the_turn_of_the_year_stands_in_both_months(cast: Cast) -> None:
    with time_machine.travel("2026-09-01T15:00:00+00:00", tick=True):
        submitted(cast, first=date(2026, 12, 30), days=5)
        december = selectors.bookings(first=date(2026, 12, 1), last=date(2026, 12, 31))
        january = selectors.bookings(first=date(2027, 1, 1), last=date(2027, 1, 31))
        february = selectors.bookings(first=date(2027, 2, 1), last=date(2027, 2, 28))
    assert [len(rows) for rows in (december, january, february)] == [1, 1, 0]
