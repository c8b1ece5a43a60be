"""kill -9 of a worker in the middle of its work: nothing is lost, nothing is done twice that may be done once."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from portal.celery import app
from portal.grants.models import Grant, GrantEvent
from portal.grants.states import GrantState
from portal.outbox.models import Delivery, Notification
from portal.outbox.selectors import LEASE
from portal.workflow.models import ServiceRequest
from portal.workflow.states import State
from relay.models import RelayPermission
from tests.cast import Cast, approved
from tests.support.smtp import SmtpSink
from tests.support.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 300


class StallingSink(SmtpSink):
    """Takes one message and then keeps the client waiting for the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.stalls, self.has_stalled = True, threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep the message; answer at once, or never."""
        answer = await super().handle_DATA(server, session, envelope)
        if self.stalls and len(self.messages) == 2:
            self.has_stalled.set()
            await asyncio.sleep(300)
        return answer


@pytest.fixture
def sink() -> Iterator[StallingSink]:
    server = StallingSink()
    with server:
        yield server


def test_a_worker_killed_while_it_sends_loses_no_email(
    cast: Cast, sink: StallingSink, tmp_path: Path
) -> None:
    approved(cast)
    wanted = {message.message_id for message in Notification.objects.all()}
    assert len(wanted) >= 3
    with Worker(tmp_path, sink.port) as worker:
        app.send_task("portal.outbox.tasks.deliver_outbox")
        worker.until(sink.has_stalled.is_set, "The second email")
        worker.kill()
        sink.stalls = False
        left = Notification.objects.exclude(state=Delivery.SENT)
        assert sorted(left.values_list("state", flat=True)) == ["queued"] * (len(wanted) - 2) + ["sending"]
        # The claim of the dead worker runs out; nobody waits ten minutes for that here.
        left.filter(state=Delivery.SENDING).update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
        worker.start()
        app.send_task("portal.outbox.tasks.deliver_outbox")
        worker.until(lambda: not left.exists(), "The rest")
    seen = Counter(str(message["Message-ID"]) for message in sink.messages)
    assert set(seen) == wanted
    # The one that was taken without an answer comes again, under the same Message-ID (RFC 5322, 3.6.4).
    assert sorted(seen.values()) == [1] * (len(wanted) - 1) + [2]


def ended_yesterday(cast: Cast) -> None:
    """Many relay grants past their term, as the night's job finds them."""
    today = timezone.localdate()
    requests = ServiceRequest.objects.bulk_create(
        ServiceRequest(
            kind="relay",
            reference=f"TM-R-9{number:04}",
            state=State.APPROVED,
            requester=cast.requester,
            title=f"Copier {number}",
        )
        for number in range(MANY)
    )
    grants = Grant.objects.bulk_create(
        Grant(
            kind="relay",
            reference=request.reference,
            request=request,
            latest_request=request,
            owner=cast.requester,
            title=request.title,
            starts_on=today - timedelta(days=300),
            ends_on=today - timedelta(days=1),
        )
        for request in requests
    )
    RelayPermission.objects.bulk_create(
        RelayPermission(grant=grant, hostname="copier.ttu.edu", recipients="internal") for grant in grants
    )


def test_a_worker_killed_while_it_lapses_leaves_no_grant_half_lapsed(
    cast: Cast, sink: StallingSink, tmp_path: Path
) -> None:
    sink.stalls = False
    ended_yesterday(cast)
    lapsed = Grant.objects.filter(state=GrantState.LAPSED)
    with Worker(tmp_path, sink.port) as worker:
        app.send_task("portal.grants.tasks.lapse_grants")
        worker.until(lapsed.exists, "The first lapse", pause=0.005)
        worker.kill()
        done = set(lapsed.values_list("pk", flat=True))
        assert 0 < len(done) < MANY, "the kill came too late to be in the middle"
        events = GrantEvent.objects.filter(to_state=GrantState.LAPSED)
        assert sorted(events.values_list("grant", flat=True)) == sorted(done)
        assert Notification.objects.count() == len(done)
        worker.start()
        app.send_task("portal.grants.tasks.lapse_grants")
        worker.until(lambda: lapsed.count() == MANY, "The other lapses")
    assert events.count() == MANY
    assert (
        Notification.objects.values("unique_key").distinct().count() == Notification.objects.count() == MANY
    )
