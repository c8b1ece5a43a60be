"""Many renewals by one decision: a result for each, by the same service and policies as the decision page."""

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.lib.dates import term_end
from portal.lib.problems import NotAllowed
from portal.outbox.models import Notification
from portal.renewals import queue, tasks
from portal.renewals.facts import Classification
from portal.renewals.models import LEASE, BulkRow, BulkRun, Judgement, Result
from portal.renewals.services import deciding
from portal.workflow.models import CheckRun, Event, ServiceRequest
from portal.workflow.services import requesting, reviewing
from portal.workflow.states import State
from relay.models import RelayRequest
from tests.cast import SENDER, Cast, client_of, fresh
from tests.renewals.conftest import ending_grant, green_renewal, green_renewals
from tests.renewals.test_renewal_page import words_of
from tests.renewals.test_routing import filed_by_form
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db


def chosen(*rows: ServiceRequest) -> list[tuple[str, int]]:
    return [(row.reference, row.revision) for row in rows]


def decided(
    cast: Cast, *rows: ServiceRequest, reason: str = "Nothing changed."
) -> dict[str, tuple[str, str]]:
    """Approve them together, as a worker would where they are many; result and sentence by reference."""
    run = deciding.approve_chosen(actor=cast.reviewer, key=uuid.uuid4(), reason=reason, chosen=chosen(*rows))
    deciding.carry_out(run.pk)
    run.refresh_from_db()
    assert run.finished_at is not None
    return {row.service_request.reference: (row.result, row.sentence) for row in run.rows.all()}


def posted(client: Client, *rows: ServiceRequest, reason: str = "Nothing changed.", key: str = "") -> str:
    boxes = [f"{row.reference}:{row.revision}" for row in rows]
    data = {"key": key or str(uuid.uuid4()), "reason": reason, "row": boxes}
    response = client.post("/renewals/", data)
    assert response.status_code == 302, response.content.decode()
    return str(response["Location"])


# ---------------------------------------------------------------- results
def test_a_result_for_every_row(cast: Cast, names: DnsServer) -> None:
    good, moved, withdrawn, revoked, unseen = green_renewals(cast, names, 5)
    names.remove("copier-1.ttu.edu", "A")
    names.add("copier-1.ttu.edu", "A", "129.118.99.1")
    requesting.withdraw(service_request=fresh(withdrawn), actor=cast.requester, revision=withdrawn.revision)
    managing.change_state(
        grant=Grant.objects.get(later_requests=revoked.pk),
        action=GrantAction.REVOKE,
        actor=cast.reviewer,
        reason="It is gone.",
    )
    reviewing.take(service_request=fresh(unseen), actor=cast.second_reviewer, revision=unseen.revision)
    results = decided(cast, good, moved, withdrawn, revoked, unseen)

    grant = Grant.objects.get(later_requests=good.pk)
    today = timezone.localdate()
    assert grant.ends_on == term_end(today + timedelta(days=20), 12)
    assert results[good.reference] == (Result.APPROVED, f"Approved until {grant.ends_on:%-d %B %Y}.")
    assert results[moved.reference][0] == Result.SKIPPED
    assert "copier-1.ttu.edu now leads to 129.118.99.1." in results[moved.reference][1]
    for gone in (withdrawn, revoked):
        assert results[gone.reference][0] == Result.SKIPPED
        assert "withdrawn" in results[gone.reference][1]
    assert results[unseen.reference] == (
        Result.SKIPPED,
        "Somebody changed it since the list was shown. Read it again.",
    )
    assert fresh(good).state == State.APPROVED
    assert fresh(moved).state == fresh(unseen).state == State.IN_REVIEW
    event = Event.objects.get(service_request=good, action="approve")
    assert (event.actor, event.comment) == (cast.reviewer, "Nothing changed.")
    assert event.check_run is not None
    assert event.check_run.occasion == CheckRun.Occasion.APPROVAL
    emails = Notification.objects.filter(unique_key__startswith="request_decided", thread=good.reference)
    assert emails.filter(recipient=cast.requester.email).count() == 1


def test_what_the_checks_bar_is_not_approved(
    cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (renewal,) = green_renewals(cast, names, 1)
    DirectoryAddress.objects.filter(address=SENDER).update(gone_at=timezone.now())
    result, sentence = decided(cast, renewal)[renewal.reference]
    assert (result, "REL-3" in sentence) == (Result.SKIPPED, True)
    # Even where the facts were still right a moment before, the service's own checks bar it.
    monkeypatch.setattr(deciding, "classify", lambda *_: Classification(True, ()))
    result, sentence = decided(cast, fresh(renewal))[renewal.reference]
    assert result == Result.FAILED
    assert "cannot be approved while REL-3 is not met" in sentence
    assert fresh(renewal).state == State.IN_REVIEW


def test_four_eyes_hold_in_a_batch(cast: Cast, names: DnsServer) -> None:
    other = cast.second_reviewer
    own = green_renewal(cast, names, 0, requester=cast.reviewer, approver=other)
    shared = green_renewal(cast, names, 1, co_owner=cast.reviewer, approver=other)
    assert {result for result, _ in decided(cast, own, shared).values()} == {Result.SKIPPED}
    assert not queue.unchanged_renewals(cast.reviewer).exists()
    assert queue.unchanged_renewals(cast.second_reviewer).count() == 2


def test_what_is_not_in_the_batch_is_left_to_its_page(cast: Cast, names: DnsServer) -> None:
    names.servfail("copier-0.ttu.edu")
    (unknown,) = green_renewals(cast, names, 1)
    result, sentence = decided(cast, unknown)[unknown.reference]
    assert (result, sentence) == (
        Result.SKIPPED,
        "It is not among the unchanged renewals. Decide it on its page.",
    )


def test_one_that_breaks_stops_no_other(
    cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = green_renewals(cast, names, 2)
    real = reviewing.approve

    def breaks(**facts: object) -> object:
        if facts["service_request"] == first:
            raise RuntimeError("out of order")
        return real(**facts)  # type: ignore[arg-type]

    monkeypatch.setattr(reviewing, "approve", breaks)
    results = decided(cast, first, second)
    assert results[first.reference] == (Result.FAILED, "Something went wrong here. Decide it on its page.")
    assert results[second.reference][0] == Result.APPROVED


def test_somebody_who_lost_the_role_decides_no_more(cast: Cast, names: DnsServer) -> None:
    rows = green_renewals(cast, names, 4)
    run = deciding.approve_chosen(actor=cast.reviewer, key=uuid.uuid4(), reason="Same.", chosen=chosen(*rows))
    cast.reviewer.groups.clear()
    deciding.carry_out(run.pk)
    assert set(run.rows.values_list("result", flat=True)) == {Result.SKIPPED}
    with pytest.raises(NotAllowed):
        deciding.approve_chosen(actor=cast.requester, key=uuid.uuid4(), reason="Same.", chosen=chosen(*rows))


def test_an_empty_choice_and_a_missing_reason_are_said(cast: Cast, names: DnsServer) -> None:
    (renewal,) = green_renewals(cast, names, 1)
    for reason, rows in ((" ", chosen(renewal)), ("Same.", []), ("Same.", [("TM-R-999999", 1)])):
        with pytest.raises(ValidationError):
            deciding.approve_chosen(actor=cast.reviewer, key=uuid.uuid4(), reason=reason, chosen=rows)
    assert not BulkRun.objects.exists()


# ---------------------------------------------------------------- killed, twice, late
def test_a_run_whose_worker_died_goes_on_and_approves_nothing_twice(
    cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = green_renewals(cast, names, 4)
    run = deciding.approve_chosen(actor=cast.reviewer, key=uuid.uuid4(), reason="Same.", chosen=chosen(*rows))
    real = deciding._decide

    def dies(run: BulkRun, row: BulkRow) -> tuple[Result, str]:
        result = real(run, row)
        if row.service_request_id == rows[1].pk:
            raise KeyboardInterrupt  # approved, and nobody noted it
        return result

    with monkeypatch.context() as broken:
        broken.setattr(deciding, "_decide", dies)
        with pytest.raises(KeyboardInterrupt):
            deciding.carry_out(run.pk)
    results = list(run.rows.values_list("result", flat=True))
    assert results == [Result.APPROVED, Result.WAITING, Result.WAITING, Result.WAITING]
    assert fresh(rows[1]).state == State.APPROVED
    assert deciding.resume_runs() == 0  # its lease is not over
    deciding.carry_out(run.pk)
    assert run.rows.filter(result=Result.WAITING).count() == 3
    BulkRun.objects.update(moved_at=timezone.now() - LEASE - timedelta(seconds=1))
    page = client_of(cast.reviewer).get(run.get_absolute_url()).content.decode()
    assert "goes on by itself" in page
    assert deciding.resume_runs() == 1
    assert set(run.rows.values_list("result", flat=True)) == {Result.APPROVED}
    assert Event.objects.filter(action="approve", comment="Same.").count() == 4
    assert deciding.resume_runs() == 0


def test_a_worker_that_lost_its_lease_stops(
    cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = green_renewals(cast, names, 4)
    run = deciding.approve_chosen(actor=cast.reviewer, key=uuid.uuid4(), reason="Same.", chosen=chosen(*rows))
    real = deciding._decide

    def overtaken(run: BulkRun, row: BulkRow) -> tuple[Result, str]:
        BulkRun.objects.filter(pk=run.pk).update(token="another")
        return real(run, row)

    monkeypatch.setattr(deciding, "_decide", overtaken)
    deciding.carry_out(run.pk)
    assert run.rows.exclude(result=Result.WAITING).count() == 1
    assert BulkRun.objects.get().finished_at is None


def test_the_same_page_sent_twice_begins_one_run(cast: Cast, names: DnsServer) -> None:
    rows, key = green_renewals(cast, names, 2), str(uuid.uuid4())
    client = client_of(cast.reviewer)
    first = posted(client, *rows, key=key)
    assert posted(client, *rows, key=key) == first
    assert BulkRun.objects.count() == 1
    # A second tab with the same rows has another key: it says that they are approved already.
    other = client.get(posted(client, *rows)).content.decode()
    assert "0 of 2 approved." in other
    assert Event.objects.filter(action="approve", comment="Nothing changed.").count() == 2


# ---------------------------------------------------------------- pages
def test_the_list_and_its_choice(cast: Cast, names: DnsServer) -> None:
    green = green_renewals(cast, names, 2)
    names.servfail("copier-7.ttu.edu")
    unknown = green_renewal(cast, names, 7)
    client = client_of(cast.reviewer)
    html = client.get("/renewals/").content.decode()
    text = words_of(html)
    for words in (
        "129.118.11.20 may relay",
        "Not measured",
        "Requester",
        "Choose all on this page",
        "Approve chosen",
        f"{unknown.reference}",
        "The DNS did not say where copier-7.ttu.edu leads.",
    ):
        assert words in text, words
    assert text.index(green[1].reference) < text.index("These need a look") < text.index(unknown.reference)
    assert html.count('type="checkbox"') == 2
    assert " checked>" not in html
    assert client.get("/renewals/?all=1").content.decode().count(" checked>") == 2

    page = client.get(posted(client, *green)).content.decode()
    assert "2 of 2 approved." in page
    assert "every 2s" not in page
    assert words_of(page).count("Approved until") == 2
    assert "Nothing to approve together" in client.get("/renewals/").content.decode()


def test_a_mistake_keeps_what_was_chosen(cast: Cast, names: DnsServer) -> None:
    (renewal,) = green_renewals(cast, names, 1)
    client, box = client_of(cast.reviewer), f"{renewal.reference}:{renewal.revision}"
    key = str(uuid.uuid4())
    answer = client.post("/renewals/", {"key": key, "reason": "", "row": [box]})
    assert answer.status_code == 422
    assert answer.content.decode().count(" checked>") == 1
    for rows in ([], ["TM-R-1:x"], [f"{box} "], ["TM-R-99999:1"]):
        answer = client.post("/renewals/", {"key": key, "reason": "Same.", "row": rows})
        assert answer.status_code == 422, rows
        assert "Same." in answer.content.decode()
    assert not BulkRun.objects.exists()


def test_more_than_a_few_go_to_a_worker(
    cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = green_renewals(cast, names, deciding.AT_ONCE + 1)
    woken: list[int] = []
    monkeypatch.setattr(deciding, "dispatch_run", woken.append)
    client = client_of(cast.reviewer)
    address = posted(client, *rows)
    run = BulkRun.objects.get()
    assert woken == [run.pk]
    page = client.get(address).content.decode()
    assert "every 2s" in page
    assert f"0 of {len(rows)} decided" in page
    assert "See how far it is" in page
    deciding.carry_out(run.pk)
    assert f"{len(rows)} of {len(rows)} approved." in client.get(address).content.decode()


def test_slow_name_servers_hand_the_rest_to_a_worker(
    cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = green_renewals(cast, names, deciding.AT_ONCE)
    woken: list[int] = []
    monkeypatch.setattr(deciding, "dispatch_run", woken.append)
    monkeypatch.setattr(deciding, "INLINE_SECONDS", 0.0)
    posted(client_of(cast.reviewer), *rows)
    run = BulkRun.objects.get()
    assert woken == [run.pk]
    assert run.rows.filter(result=Result.APPROVED).count() == 1
    deciding.carry_out(run.pk)  # at once: the request gave up its lease
    assert run.rows.filter(result=Result.APPROVED).count() == len(rows)


def test_a_broker_that_is_away_loses_nothing(cast: Cast, names: DnsServer, settings: object) -> None:
    rows = green_renewals(cast, names, deciding.AT_ONCE + 1)
    with pytest.MonkeyPatch.context() as away:

        def refuse(*_: object, **__: object) -> None:
            raise ConnectionError

        away.setattr(tasks.carry_out, "apply_async", refuse)
        posted(client_of(cast.reviewer), *rows)
    BulkRun.objects.update(moved_at=timezone.now() - LEASE - timedelta(seconds=1))
    tasks.resume_runs()
    assert BulkRow.objects.filter(result=Result.APPROVED).count() == len(rows)


@pytest.mark.parametrize(
    ("who", "get", "post"),
    [
        ("requester", 403, 403),
        ("outsider", 403, 403),
        ("auditor", 200, 403),
        ("admin", 200, 403),
        ("postmaster", 200, 302),
        ("cio", 200, 302),
        ("reviewer", 200, 302),
    ],
)
def test_who_reads_and_who_decides(cast: Cast, names: DnsServer, who: str, get: int, post: int) -> None:
    (renewal,) = green_renewals(cast, names, 1)
    client = client_of(getattr(cast, who))
    page = client.get("/renewals/")
    assert page.status_code == get
    assert ('type="checkbox"' in page.content.decode()) == (who == "reviewer")
    data = {"key": str(uuid.uuid4()), "reason": "Same.", "row": [f"{renewal.reference}:{renewal.revision}"]}
    answer = client.post("/renewals/", data)
    assert answer.status_code == post
    # Whoever has another queue gets a result that says so; nothing is decided.
    assert (fresh(renewal).state == State.APPROVED) == (who == "reviewer")
    if post == 302:
        assert client_of(cast.auditor).get(answer["Location"]).status_code == 200
        assert client_of(cast.requester).get(answer["Location"]).status_code == 403


def queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_pages_cost_the_same_at_any_size(cast: Cast, names: DnsServer) -> None:
    client = client_of(cast.reviewer)
    counts, runs = [], []
    for first, size in ((0, 2), (2, 8)):
        rows = green_renewals(cast, names, size, first=first)
        for row in rows[::2]:
            Judgement.objects.filter(pk=row.pk).update(route="full")
        counts.append(queries(client, "/renewals/"))
        run = deciding.approve_chosen(
            actor=cast.reviewer,
            key=uuid.uuid4(),
            reason="Same.",
            chosen=chosen(*rows),
        )
        runs.append(queries(client, run.get_absolute_url()))
    assert counts[0] == counts[1]
    assert counts[0] <= 9
    assert runs[0] == runs[1]
    assert runs[0] <= 6


def test_the_pages_follow_one_another(cast: Cast, names: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.workflow.selectors.PAGE_SIZE", 2)
    rows = green_renewals(cast, names, 5)
    seen, after = [], ""
    for _ in range(3):
        green, others = queue.renewal_pages(cast.reviewer, (after, ""), ("", ""))
        assert others.rows == []
        seen += [row.request.reference for row in green.rows]
        after = green.after
    assert seen == [row.reference for row in rows]
    assert after == ""
    html = client_of(cast.reviewer).get("/renewals/").content.decode()
    assert 'href="?after=' in html


def test_a_renewal_by_the_form_with_other_answers_is_no_batch_row(cast: Cast, names: DnsServer) -> None:
    grant = ending_grant(cast, names, 0)
    RelayRequest.objects.filter(pk=grant.latest_request_id).update(typical_per_day=30)
    renewal = filed_by_form(grant, cast)
    assert list(queue.unchanged_renewals(cast.reviewer)) == []
    assert list(queue.other_renewals(cast.reviewer)) == [renewal]


def test_four_eyes_hold_in_bulk_as_on_the_page(cast: Cast, names: DnsServer) -> None:
    good, offered = green_renewals(cast, names, 2)
    grant = Grant.objects.get(later_requests=offered.pk)
    managing.hand_over(grant=grant, actor=cast.requester, to=cast.reviewer)
    reviewer = type(cast.reviewer).objects.get(pk=cast.reviewer.pk)
    assert list(queue.unchanged_renewals(reviewer)) == [good]
    assert offered in queue.unchanged_renewals(cast.second_reviewer)
    results = decided(cast, good, fresh(offered))
    assert results[good.reference][0] == Result.APPROVED
    assert results[offered.reference][0] == Result.SKIPPED
    assert "were offered the permission" in results[offered.reference][1]
    assert fresh(offered).state == State.IN_REVIEW


def test_the_lists_ask_for_everybodys_parts_once(cast: Cast, names: DnsServer) -> None:
    client = client_of(cast.reviewer)

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/renewals/").status_code == 200
        return len(captured)

    green_renewals(cast, names, 1)
    client.get("/renewals/")
    few = count()
    for number in range(3, 6):
        green_renewal(cast, names, number)
    assert count() == few
