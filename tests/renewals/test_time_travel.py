"""A renewal that was confirmed on the last day, through the days until somebody decides it."""

import uuid
from datetime import datetime, timedelta

import pytest
import time_machine

from portal.grants.models import Grant
from portal.grants.services import dates
from portal.grants.states import GrantState
from portal.lib.dates import term_end
from portal.renewals.models import Judgement, Result, Route
from portal.renewals.services import deciding, filing
from portal.workflow.services import requesting
from portal.workflow.states import State
from tests.cast import Cast, fresh
from tests.renewals.conftest import LATER, counted

pytestmark = pytest.mark.django_db


def noon(grant: Grant, days: int) -> time_machine.travel:
    """Noon in Texas, `days` after the last day of the term."""
    day = grant.ends_on + timedelta(days=days)
    return time_machine.travel(datetime(day.year, day.month, day.day, 18, tzinfo=LATER.tzinfo))


def test_a_confirmation_on_the_last_day_holds_it_open_until_the_batch(cast: Cast, grant: Grant) -> None:
    with noon(grant, 0):
        renewal = fresh(filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision))
    for late in range(1, 10):
        with noon(grant, late):
            assert dates.lapse_grants(today=grant.ends_on + timedelta(days=late)) == 0
            assert Grant.objects.get().is_in_force_today
    with noon(grant, 9):
        run = deciding.approve_chosen(
            actor=cast.reviewer,
            key=uuid.uuid4(),
            reason="Same.",
            chosen=[(renewal.reference, renewal.revision)],
        )
    row = run.rows.get()
    renewed = Grant.objects.get()
    assert row.result == Result.APPROVED, row.sentence
    assert (renewed.state, renewed.held_open_by) == (GrantState.ACTIVE, None)
    assert renewed.ends_on == term_end(grant.ends_on + timedelta(days=9), 12)
    assert f"{renewed.ends_on:%-d %B %Y}" in row.sentence


def test_a_confirmation_that_is_withdrawn_lets_it_lapse(cast: Cast, grant: Grant) -> None:
    with noon(grant, 0):
        renewal = fresh(filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision))
    with noon(grant, 3):
        requesting.withdraw(service_request=renewal, actor=cast.requester, revision=renewal.revision)
        assert not Grant.objects.get().is_in_force_today
        assert dates.lapse_grants(today=grant.ends_on + timedelta(days=3)) == 1


def test_what_lapsed_is_looked_at_like_new(cast: Cast, grant: Grant) -> None:
    with noon(grant, 1):
        dates.lapse_grants(today=grant.ends_on + timedelta(days=1))
        lapsed = Grant.objects.get()
        with pytest.raises(filing.NotConfirmable):
            filing.confirm(grant=lapsed, actor=cast.requester, revision=lapsed.revision)
        draft = filing.begin(grant=lapsed, actor=cast.requester)
    assert draft.state == State.DRAFT


def test_use_that_ended_while_it_waited_is_seen_at_the_decision(cast: Cast, grant: Grant) -> None:
    with noon(grant, 0):
        counted(grant, days=180, accepted_days_ago=179)
        renewal = fresh(filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision))
        assert Judgement.objects.get().route == Route.SHORT
    with noon(grant, 5):
        counted(grant, days=200)
        run = deciding.approve_chosen(
            actor=cast.reviewer,
            key=uuid.uuid4(),
            reason="Same.",
            chosen=[(renewal.reference, renewal.revision)],
        )
    row = run.rows.get()
    assert row.result == Result.SKIPPED
    assert "No mail for 180 days." in row.sentence
    assert fresh(renewal).state == State.IN_REVIEW
