"""Renewals at the same moment, on PostgreSQL: one confirmation, one approval, and no deadlock with what ends a grant."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction, GrantState
from portal.lib.problems import Stale, WrongState
from portal.renewals.models import LEASE, BulkRun, Result
from portal.renewals.services import deciding, filing
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.services import requesting
from portal.workflow.states import State
from tests.cast import Cast, fresh, make_cast
from tests.engine.test_races import at_once
from tests.renewals.conftest import ending_grant, green_renewals
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 4


@pytest.fixture(autouse=True)
def _postgres(postgres: None) -> None:
    """Row locks and snapshots are PostgreSQL's; SQLite takes one writer at a time."""


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


def run_of(cast: Cast, rows: list[ServiceRequest], who: str = "reviewer") -> BulkRun:
    """A run that waits for a worker."""
    chosen = [(row.reference, row.revision) for row in rows]
    run, _ = deciding._begin(getattr(cast, who), uuid.uuid4(), f"Same, says the {who}.", chosen)
    return run


def results_of(run: BulkRun) -> list[str]:
    return list(run.rows.values_list("result", flat=True))


def approvals() -> int:
    return Event.objects.filter(action="approve", comment__startswith="Same, says").count()


def test_many_clicks_file_one_renewal(people: Cast, names: DnsServer) -> None:
    grant = ending_grant(people, names, 0)
    copies = [Grant.objects.get(pk=grant.pk) for _ in range(4)]
    results = at_once(
        *(
            lambda copy=copy: filing.confirm(grant=copy, actor=people.requester, revision=copy.revision)
            for copy in copies
        )
    )
    (renewal,) = ServiceRequest.objects.filter(intention="renewal")
    assert renewal.state == State.IN_REVIEW
    assert renewal.events.filter(action="submit").count() == 1
    # Each click got the one renewal, or a sentence that says that it is there already.
    filed = [result for result in results if isinstance(result, ServiceRequest)]
    assert filed
    assert {result.pk for result in filed} == {renewal.pk}
    assert all(isinstance(result, ServiceRequest | WrongState | Stale) for result in results), results


def test_confirming_and_the_form_at_once_begin_one_renewal(people: Cast, names: DnsServer) -> None:
    grant = ending_grant(people, names, 0)
    at_once(
        lambda: filing.confirm(grant=grant, actor=people.requester, revision=grant.revision),
        lambda: filing.begin(grant=Grant.objects.get(pk=grant.pk), actor=people.requester),
        lambda: filing.begin(grant=Grant.objects.get(pk=grant.pk), actor=people.requester),
    )
    assert ServiceRequest.objects.filter(intention="renewal").count() == 1


@pytest.mark.parametrize("turn", range(3))
def test_two_reviewers_batches_approve_each_once(people: Cast, names: DnsServer, turn: int) -> None:
    rows = green_renewals(people, names, ROWS)
    first, second = run_of(people, rows), run_of(people, rows, "second_reviewer")
    at_once(lambda: deciding.carry_out(first.pk), lambda: deciding.carry_out(second.pk))
    assert approvals() == ROWS
    for row in rows:
        won = {first: 0, second: 0}
        for run in won:
            won[run] = run.rows.filter(service_request=row, result=Result.APPROVED).count()
        assert sum(won.values()) == 1
    assert set(results_of(first)) | set(results_of(second)) <= {Result.APPROVED, Result.SKIPPED}


def test_two_workers_at_one_run_approve_each_once(people: Cast, names: DnsServer) -> None:
    rows = green_renewals(people, names, ROWS)
    run = run_of(people, rows)
    at_once(*(lambda: deciding.carry_out(run.pk) for _ in range(3)))
    assert results_of(run) == [Result.APPROVED] * ROWS
    assert approvals() == ROWS


def test_a_worker_that_was_thought_dead_and_its_successor(people: Cast, names: DnsServer) -> None:
    rows = green_renewals(people, names, ROWS)
    run = run_of(people, rows)
    BulkRun.objects.filter(pk=run.pk).update(
        moved_at=timezone.now() - LEASE - timedelta(seconds=1), token="x"
    )
    at_once(lambda: deciding.carry_out(run.pk), deciding.resume_runs)
    assert results_of(run) == [Result.APPROVED] * ROWS
    assert approvals() == ROWS


@pytest.mark.parametrize("turn", range(3))
def test_a_batch_against_withdrawals(people: Cast, names: DnsServer, turn: int) -> None:
    rows = green_renewals(people, names, ROWS)
    run = run_of(people, rows)

    def withdraw() -> None:
        for row in reversed(rows):
            try:
                requesting.withdraw(service_request=fresh(row), actor=people.requester, revision=row.revision)
            except (Stale, WrongState):
                continue

    assert at_once(lambda: deciding.carry_out(run.pk), withdraw) == [None, None]
    for row, result in zip(rows, results_of(run), strict=True):
        assert (fresh(row).state, result) in {
            (State.APPROVED, Result.APPROVED),
            (State.WITHDRAWN, Result.SKIPPED),
        }


@pytest.mark.parametrize("turn", range(3))
def test_a_batch_against_revocations(people: Cast, names: DnsServer, turn: int) -> None:
    rows = green_renewals(people, names, ROWS)
    run = run_of(people, rows)

    def revoke() -> None:
        for row in reversed(rows):
            for _ in range(3):
                grant = Grant.objects.get(later_requests=row.pk)
                try:
                    managing.change_state(
                        grant=grant, action=GrantAction.REVOKE, actor=people.second_reviewer, reason="Gone."
                    )
                except Stale:
                    continue
                break

    assert at_once(lambda: deciding.carry_out(run.pk), revoke) == [None, None]
    for row, result in zip(rows, results_of(run), strict=True):
        grant = Grant.objects.get(later_requests=row.pk)
        assert grant.state == GrantState.REVOKED
        assert grant.held_open_by is None
        # Either it was renewed a moment before, or the renewal was closed with its grant.
        assert (fresh(row).state, result) in {
            (State.APPROVED, Result.APPROVED),
            (State.WITHDRAWN, Result.SKIPPED),
        }
