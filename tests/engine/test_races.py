"""Two people at the same moment, on PostgreSQL, each with a connection of their own: one wins, the other is told."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import dates, issuing, managing
from portal.grants.states import GrantState
from portal.lib.problems import Stale, WrongState
from portal.outbox.models import Notification
from portal.workflow import registry
from portal.workflow.models import DraftStep, Event, Intention, Part, Participation, ServiceRequest
from portal.workflow.services import attaching, requesting, reviewing
from portal.workflow.services.requesting import next_reference
from relay.models import RelayRequest
from tests.cast import Cast, approved, fresh, make_cast, relay_draft, submitted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _postgres(postgres: None) -> None:
    """Row locks and snapshots are PostgreSQL's; SQLite takes one writer at a time."""


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run every call in a thread of its own, all starting together; returns results or exceptions in order."""
    barrier = threading.Barrier(len(calls), timeout=60)
    results: list[Any] = [None] * len(calls)

    def run(position: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            results[position] = call()
        except Exception as error:
            results[position] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n, call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def losers(results: list[Any]) -> list[type]:
    return [type(result) for result in results if isinstance(result, Exception)]


def test_two_clicks_begin_one_change(people: Cast) -> None:
    grant = approved(people)

    def begin() -> ServiceRequest:
        return issuing.begin_renewal(
            grant=Grant.objects.get(pk=grant.pk), actor=people.requester, intention=Intention.CHANGE
        )

    results = at_once(begin, begin)
    assert losers(results) == [WrongState]
    assert grant.later_requests.count() == 1


def test_two_reviewers_decide_at_once_and_one_wins(people: Cast) -> None:
    request = submitted(people)
    seen = request.revision
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    results = at_once(
        lambda: reviewing.approve(
            service_request=fresh(request), actor=people.reviewer, revision=seen, comment="Yes.", terms=terms
        ),
        lambda: reviewing.deny(
            service_request=fresh(request),
            actor=people.second_reviewer,
            revision=seen,
            comment="No.",
            clauses=["REL-0"],
        ),
    )
    assert len(losers(results)) == 1
    assert losers(results)[0] in (Stale, WrongState)
    decisions = Event.objects.filter(service_request=request, action__in=("approve", "deny"))
    assert decisions.count() == 1
    assert Grant.objects.count() == (1 if fresh(request).state == "approved" else 0)
    told = Notification.objects.filter(subject__contains=request.reference, recipient=people.requester.email)
    assert told.filter(unique_key__startswith="request_decided").count() == 1


def test_both_readings_before_either_write_leave_one_decision(people: Cast) -> None:
    request = submitted(people)
    first, second = fresh(request), fresh(request)
    results = at_once(
        *(
            lambda copy=copy, actor=actor: reviewing.deny(
                service_request=copy, actor=actor, revision=copy.revision, comment="No.", clauses=["REL-0"]
            )
            for copy, actor in ((first, people.reviewer), (second, people.second_reviewer))
        )
    )
    assert losers(results) == [Stale]
    assert Event.objects.filter(service_request=request, action="deny").count() == 1


def test_a_double_submit_files_once(people: Cast) -> None:
    draft = relay_draft(people)
    copies = [fresh(draft) for _ in range(4)]
    results = at_once(
        *(
            lambda copy=copy: requesting.submit(
                service_request=copy, actor=people.requester, revision=copy.revision
            )
            for copy in copies
        )
    )
    assert losers(results) == [Stale] * 3
    assert Event.objects.filter(service_request=draft, action="submit").count() == 1
    assert fresh(draft).check_runs.count() == 1
    assert fresh(draft).snapshots.count() == 1
    receipts = Notification.objects.filter(unique_key__startswith="request_received")
    assert receipts.filter(recipient=people.requester.email).count() == 1


def renewal_of(grant: Grant, people: Cast) -> ServiceRequest:
    draft = issuing.begin_renewal(grant=grant, actor=people.requester)
    RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True)
    DraftStep.objects.update_or_create(
        service_request=draft, step="statement", defaults={"is_complete": True, "typed": {}}
    )
    return fresh(draft)


@pytest.mark.parametrize("turn", range(5))
def test_lapsing_against_filing_a_renewal_leaves_one_true_story(people: Cast, turn: int) -> None:
    grant = approved(people)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(starts_on=today - timedelta(days=300), ends_on=today)
    grant.refresh_from_db()
    renewal = renewal_of(grant, people)
    results = at_once(
        lambda: requesting.submit(service_request=renewal, actor=people.requester, revision=renewal.revision),
        lambda: dates.lapse_grants(today=today + timedelta(days=1)),
    )
    grant.refresh_from_db()
    state = fresh(renewal).state
    if grant.state == GrantState.LAPSED:
        assert grant.held_open_by is None
        assert not grant.is_in_force(today)
        # The renewal was either filed for a grant that had lapsed, or refused as stale: never half.
        assert state == "in_review" or losers(results) == [Stale]
    else:
        assert grant.held_open_by == renewal
        assert state == "in_review"
        assert grant.is_in_force(today + timedelta(days=1))
        assert dates.lapse_grants(today=today + timedelta(days=2)) == 0
    actions = list(grant.events.values_list("action", flat=True))
    assert not {"lapse", "hold"} <= set(actions)


def test_two_sweeps_of_reminders_queue_one(people: Cast) -> None:
    grant = approved(people)
    day = grant.ends_on - timedelta(days=7)
    results = at_once(*[lambda: dates.send_reminders(today=day)] * 3)
    assert sorted(results) == [0, 0, 1]
    assert grant.reminders.count() == 1


def test_references_are_given_once(people: Cast) -> None:
    kind = registry.get("relay")

    def give() -> list[str]:
        found = []
        for _ in range(20):
            with transaction.atomic():
                found.append(next_reference(kind))
        return found

    results = at_once(*[give] * 5)
    assert losers(results) == []
    given = [reference for found in results for reference in found]
    assert len(set(given)) == 100
    assert "TM-R-1001" in given


def test_two_requests_for_one_address_leave_one_grant(people: Cast) -> None:
    first = submitted(people)
    second = submitted(people, requester=people.outsider)
    results = at_once(
        *(
            lambda request=request, actor=actor: reviewing.approve(
                service_request=fresh(request),
                actor=actor,
                revision=request.revision,
                comment="Yes.",
                terms=request.kind_entry.default_terms(request, timezone.localdate()),
            )
            for request, actor in ((first, people.reviewer), (second, people.second_reviewer))
        )
    )
    assert len(losers(results)) == 1, results
    assert Grant.objects.count() == 1


@pytest.mark.parametrize("turn", range(6))
def test_named_as_co_owner_while_deciding_never_leaves_a_decision_of_a_party(people: Cast, turn: int) -> None:
    """The reviewer asks, the requester names them and sends it back, while the reviewer approves on an old page."""
    request = submitted(people)
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    reviewing.ask(
        service_request=request,
        actor=people.second_reviewer,
        revision=request.revision,
        questions=[("", "Why?")],
    )
    request = fresh(request)
    answers = {question.pk: "So." for question in request.questions.all()}

    def name_and_send() -> None:
        held = fresh(request)
        with transaction.atomic():
            ServiceRequest.objects.filter(pk=held.pk).update(co_owner=people.reviewer)
            held = fresh(held)
            requesting.resubmit(
                service_request=held, actor=people.requester, revision=held.revision, answers=answers
            )

    def decide() -> None:
        for _ in range(200):
            held = fresh(request)
            if held.state != "in_review":
                continue
            reviewing.approve(
                service_request=held,
                actor=people.reviewer,
                revision=held.revision,
                comment="Yes.",
                terms=terms,
            )
            return

    at_once(name_and_send, decide)
    held = fresh(request)
    assert held.co_owner == people.reviewer
    assert held.state == "in_review"
    assert Grant.objects.count() == 0


@pytest.mark.parametrize("turn", range(6))
def test_taking_the_permission_over_against_approving_its_renewal(people: Cast, turn: int) -> None:
    """Whoever is offered the permission or takes it over does not decide its renewal, in whatever order both arrive."""
    grant = approved(people)
    request = issuing.begin_renewal(grant=grant, actor=people.requester, intention=Intention.CHANGE)
    RelayRequest.objects.filter(pk=request.pk).update(is_attested=True)
    for step in request.kind_entry.steps_for(request):
        DraftStep.objects.update_or_create(
            service_request=request, step=step.key, defaults={"is_complete": True, "typed": {}}
        )
    request = fresh(request)
    requesting.submit(service_request=request, actor=people.requester, revision=request.revision)
    request = fresh(request)
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    results = at_once(
        lambda: managing.hand_over(
            grant=Grant.objects.get(pk=grant.pk), actor=people.requester, to=people.reviewer
        ),
        lambda: reviewing.approve(
            service_request=fresh(request),
            actor=people.reviewer,
            revision=request.revision,
            comment="Yes.",
            terms=terms,
        ),
    )
    approval = Event.objects.filter(service_request=request, action="approve").first()
    noted = Participation.objects.filter(
        service_request=request, person=people.reviewer, part=Part.HOLDER
    ).first()
    assert approval is None or noted is None, results


def test_a_file_swapped_against_the_approval_is_either_seen_or_stale(people: Cast) -> None:
    draft = relay_draft(people)
    file = attaching.attach(
        service_request=draft, actor=people.requester, upload=SimpleUploadedFile("plan.txt", b"The plan.")
    )
    draft = fresh(draft)
    requesting.submit(service_request=draft, actor=people.requester, revision=draft.revision)
    request = fresh(draft)
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    results = at_once(
        lambda: attaching.detach(attachment=file, actor=people.requester),
        lambda: reviewing.approve(
            service_request=fresh(request),
            actor=people.reviewer,
            revision=request.revision,
            comment="Yes.",
            terms=terms,
        ),
    )
    approval = Event.objects.filter(service_request=request, action="approve").first()
    removed = Event.objects.filter(service_request=request, action="detach").first()
    assert (approval is None) != (removed is None), results
    if approval is not None:
        assert [one["sha256"] for one in approval.files] == [file.sha256]
