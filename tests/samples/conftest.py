"""A receiver started in the test, and the name server of the senders' zones."""

from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from portal.samples.receiver import controller
from portal.samples.tasks import judge_sample
from tests.senders.conftest import names, published
from tests.support.ports import free_port

__all__ = ["judged", "names", "published", "running", "running_lmtp"]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that the receiver handed to the worker."""
    queued: list[int] = []
    monkeypatch.setattr(judge_sample, "apply_async", lambda args, retry: queued.extend(args))
    return queued


@pytest.fixture
def running(judged: list[int]) -> Iterator[Controller]:
    yield from _started(controller("127.0.0.1", free_port()))


@pytest.fixture
def running_lmtp(judged: list[int]) -> Iterator[Controller]:
    yield from _started(controller("127.0.0.1", free_port(), by_lmtp=True))


def _started(server: Controller) -> Iterator[Controller]:
    server.start()
    yield server
    server.stop()
