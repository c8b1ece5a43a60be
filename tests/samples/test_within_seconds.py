"""From the mail client through the receiver, the broker and a worker process to an authorization in force."""

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.samples.models import SignedSample
from portal.samples.probe import probe_address
from portal.samples.receiver import controller
from tests.cast import Cast
from tests.jobs.test_worker import sink, worker
from tests.senders.cast import signed, waiting
from tests.support.dns_server import DnsServer
from tests.support.ports import free_port
from tests.support.worker import Worker

__all__ = ["sink", "worker"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def environment(published: DnsServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker asks the test's name server and reads the test's files; requested before the worker starts."""
    monkeypatch.setenv("DNS_RESOLVER", published.address)
    monkeypatch.setenv("MEDIA_DIR", str(settings.MEDIA_ROOT))


@pytest.fixture
def receiver() -> Iterator[Controller]:
    server = controller("127.0.0.1", free_port())
    server.start()
    yield server
    server.stop()


def test_a_sample_is_judged_by_the_worker(
    environment: None, worker: Worker, cast: Cast, receiver: Controller
) -> None:
    grant = waiting(cast)
    with smtplib.SMTP("127.0.0.1", receiver.port, timeout=60) as client:
        assert client.sendmail("b@crmvendor.example", [probe_address(grant.request)], signed()) == {}
    worker.until(lambda: SignedSample.objects.filter(outcome="pass").exists(), "The judgement")
    worker.until(lambda: Grant.objects.get().state == GrantState.ACTIVE, "The proof")
