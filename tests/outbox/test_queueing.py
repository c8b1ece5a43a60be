"""Queueing: beside the change, once per key, one wake-up call per transaction, whatever the broker does."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.outbox import services, tasks
from portal.outbox.models import Notification
from portal.outbox.rendering import render_email
from portal.outbox.services import enqueue

FACTS: dict[str, Any] = {
    "reference": "TM-R-1",
    "title": "T",
    "path": "/requests/TM-R-1/",
    "actor": "A",
    "comment": "C",
}


def queue(recipient: str = "requester@ttu.edu", **how: Any) -> Notification | None:
    return enqueue(recipient=recipient, template="request_question", context=FACTS, **how)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.deliver_outbox, "apply_async", lambda **how: made.append(how))
    return made


@pytest.mark.django_db
def test_what_is_queued_is_what_is_returned() -> None:
    for key in (None, "k"):
        message = queue(unique_key=key, thread="TM-R-1")
        assert message is not None
        assert Notification.objects.get(pk=message.pk).message_id == message.message_id
    assert f"http://localhost:8000{FACTS['path']}" in Notification.objects.latest("id").text


@pytest.mark.django_db
def test_messages_without_a_key_are_never_taken_for_one_another() -> None:
    assert queue() != queue()
    assert Notification.objects.count() == 2


@pytest.mark.django_db
def test_a_key_longer_than_its_column_still_tells_messages_apart() -> None:
    key = f"request_waits:1:{'x' * 240}@ttu.edu"
    assert queue(unique_key=key) is not None
    assert queue(unique_key=key) is None
    assert queue(unique_key=f"{key}.") is not None
    # SQLite would hold a longer one, PostgreSQL refuses it.
    assert all(len(kept or "") <= 200 for kept in Notification.objects.values_list("unique_key", flat=True))


@pytest.mark.django_db
def test_a_subject_fits_its_column() -> None:
    enqueue(
        recipient="a@ttu.edu",
        template="request_question",
        context={**FACTS, "title": "x" * 400},
        thread="T" * 40,
    )
    subject = Notification.objects.get().subject
    assert len(subject) == 200
    assert subject.endswith("…")


@pytest.mark.django_db
def test_a_key_used_meanwhile_breaks_no_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loser of a race has looked and found nothing when the winner's row appears."""
    render = render_email

    def render_while_another_queues(name: str, context: Any) -> Any:
        monkeypatch.setattr(services, "render_email", render)
        assert queue("winner@ttu.edu", unique_key="k") is not None
        return render(name, context)

    monkeypatch.setattr(services, "render_email", render_while_another_queues)
    with transaction.atomic():
        assert queue("loser@ttu.edu", unique_key="k") is None
        assert Notification.objects.get().recipient == "winner@ttu.edu"  # the transaction still answers


@pytest.mark.django_db(transaction=True)
def test_two_transactions_race_for_one_key(postgres: None) -> None:
    barrier, results = threading.Barrier(2, timeout=60), [False, False]

    def race(position: int) -> None:
        try:
            with transaction.atomic():
                barrier.wait()
                results[position] = queue(f"racer{position}@ttu.edu", unique_key="k") is not None
                Notification.objects.count()  # raises where the transaction is broken
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=(position,)) for position in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(results) == [False, True]
    assert Notification.objects.get().recipient == f"racer{results.index(True)}@ttu.edu"


# ---------------------------------------------------------------- the wake-up call
@pytest.mark.django_db
def test_many_messages_of_one_transaction_dispatch_once(
    calls: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for position in range(5):
            queue(f"person{position}@ttu.edu")
        with transaction.atomic():
            queue("inner@ttu.edu")
        assert calls == []
    assert calls == [{"retry": False}]


def rolled_back_to_a_savepoint() -> None:
    with transaction.atomic():
        queue("gone@ttu.edu")
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("steps", "dispatches"),
    [
        ([rolled_back_to_a_savepoint], 0),
        ([rolled_back_to_a_savepoint, queue], 1),
        ([queue, rolled_back_to_a_savepoint], 1),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_only_committed_messages_dispatch(
    calls: list[Any], steps: list[Callable[[], Any]], dispatches: int
) -> None:
    with transaction.atomic():
        for step in steps:
            step()
    assert len(calls) == dispatches
    assert Notification.objects.count() == dispatches


@pytest.mark.django_db(transaction=True)
def test_a_broker_out_of_reach_breaks_no_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**how: Any) -> None:
        raise ConnectionRefusedError("redis")

    monkeypatch.setattr(tasks.deliver_outbox, "apply_async", refuse)
    with transaction.atomic():
        queue()
    assert Notification.objects.count() == 1
    assert "the sweep will deliver" in caplog.text
