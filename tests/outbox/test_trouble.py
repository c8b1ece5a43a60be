"""What goes wrong with a mail server, and what each trouble costs: an attempt, the message, or nothing."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone

from portal.outbox import delivery
from portal.outbox.delivery import MOST_ATTEMPTS, DeliveryReport, deliver_due
from portal.outbox.models import Delivery, Notification
from portal.outbox.selectors import LEASE
from portal.outbox.services import enqueue
from tests.support.smtp import SmtpSink

pytestmark = pytest.mark.django_db


class Troubled(SmtpSink):
    """A mail server that can refuse senders and contents, hang up, or think for a while before its 250."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse_sender = self.refuse_content = ""
        self.hang_up_on = ""
        self.thinks = False
        self.has_content = threading.Event()

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.refuse_sender or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address == self.hang_up_on:
            server.transport.close()
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuse_content:
            return self.refuse_content
        answer = await super().handle_DATA(server, session, envelope)
        self.has_content.set()
        if self.thinks:
            await asyncio.sleep(60)
        return answer


@pytest.fixture
def sink(settings: Any) -> Iterator[Troubled]:
    server = Troubled()
    with server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def queue(recipient: str = "requester@ttu.edu") -> Notification:
    facts = {"reference": "TM-R-1", "title": "T", "path": "/", "actor": "A", "comment": "C"}
    message = enqueue(recipient=recipient, template="request_question", context=facts, thread="TM-R-1")
    assert message is not None
    return message


def again(message: Notification) -> Notification:
    return Notification.objects.get(pk=message.pk)


def test_a_refused_sender_is_a_matter_of_set_up_and_passes(sink: Troubled) -> None:
    message = queue()
    sink.refuse_sender = "550 5.7.1 You may not send as this"
    assert deliver_due() == DeliveryReport(retried=1)
    assert again(message).last_error == "550 5.7.1 You may not send as this"
    sink.refuse_sender = ""
    Notification.objects.update(next_attempt_at=timezone.now())
    assert deliver_due() == DeliveryReport(sent=1)


@pytest.mark.parametrize(
    ("reply", "report", "state"),
    [
        ("554 5.6.0 Content refused", DeliveryReport(dead=1), Delivery.DEAD),
        ("452 4.3.1 No space now", DeliveryReport(retried=1), Delivery.QUEUED),
    ],
)
def test_refused_content_is_given_up_or_tried_again_by_its_code(
    sink: Troubled, reply: str, report: DeliveryReport, state: str
) -> None:
    message = queue()
    sink.refuse_content = reply
    assert deliver_due() == report
    assert (again(message).state, again(message).last_error, again(message).attempts) == (state, reply, 1)


def test_a_server_that_hangs_up_costs_one_message_one_attempt(sink: Troubled) -> None:
    unlucky, lucky = queue(), queue("colleague@ttu.edu")
    sink.hang_up_on = unlucky.recipient
    assert deliver_due() == DeliveryReport(sent=1, retried=1)
    assert (again(unlucky).attempts, again(lucky).state) == (1, Delivery.SENT)


def test_a_server_that_goes_away_during_a_sweep_costs_the_rest_nothing(
    sink: Troubled, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    first, second, third = queue("a@ttu.edu"), queue("b@ttu.edu"), queue("c@ttu.edu")
    deliver = delivery._deliver

    def deliver_and_lose_the_server(message: Notification, smtp: Any) -> DeliveryReport:
        report = deliver(message, smtp)
        smtp.close()
        smtp.port = 9
        return report

    monkeypatch.setattr(delivery, "_deliver", deliver_and_lose_the_server)
    assert deliver_due() == DeliveryReport(sent=1)
    assert again(first).state == Delivery.SENT
    for message in (second, third):
        assert (again(message).state, again(message).attempts) == (Delivery.QUEUED, 0)


def test_an_error_nobody_thought_of_stops_no_other_message(
    sink: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, plain = queue("odd@ttu.edu"), queue("plain@ttu.edu")
    build = delivery.as_email

    def build_or_fail(message: Notification, smtp: Any = None) -> Any:
        if message.pk == odd.pk:
            raise IndexError
        return build(message, smtp)

    monkeypatch.setattr(delivery, "as_email", build_or_fail)
    assert deliver_due() == DeliveryReport(sent=1, retried=1)
    assert again(odd).last_error == "IndexError"
    assert again(plain).state == Delivery.SENT


def test_a_message_that_kills_every_worker_is_given_up(sink: Troubled) -> None:
    message = queue()
    left = {"state": Delivery.SENDING, "claimed_at": timezone.now() - LEASE - timedelta(seconds=1)}
    Notification.objects.update(**left, attempts=MOST_ATTEMPTS)
    assert deliver_due() == DeliveryReport(dead=1)
    assert "died" in again(message).last_error
    assert sink.messages == []


def test_a_worker_whose_claim_ran_out_changes_nothing(sink: Troubled) -> None:
    message = queue()
    slow = delivery._claim(message.pk)
    assert slow is not None
    Notification.objects.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
    assert deliver_due() == DeliveryReport(sent=1)
    delivery._failed(slow, OSError("the connection was lost"))
    assert again(message).state == Delivery.SENT


def test_a_worker_whose_claim_ran_out_leaves_the_next_one_its_claim(sink: Troubled) -> None:
    message = queue()
    slow = delivery._claim(message.pk)
    assert slow is not None
    Notification.objects.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
    assert delivery._claim(message.pk) is not None
    delivery._failed(slow, OSError("the connection was lost"))
    assert (again(message).state, again(message).attempts) == (Delivery.SENDING, 2)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_data_and_answer_is_followed_by_another(sink: Troubled) -> None:
    """At least once: the server got the message, nobody heard its 250; the copy has the same Message-ID."""
    message = queue()
    sink.thinks = True
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deliver_outbox"],
        cwd=configured.BASE_DIR,
        env=worker_environment(sink),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        if not sink.has_content.wait(timeout=60):
            process.kill()
            raise AssertionError(process.communicate()[1].decode()[-2000:])
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert (again(message).state, again(message).attempts) == (Delivery.SENDING, 1)
    sink.thinks = False
    assert deliver_due() == DeliveryReport()  # the claim may still be alive
    Notification.objects.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
    assert deliver_due() == DeliveryReport(sent=1)
    assert [mail["Message-ID"] for mail in sink.messages] == [message.message_id] * 2


def worker_environment(sink: SmtpSink) -> dict[str, str]:
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}"
    if connection.vendor != "sqlite":
        url = os.environ["DATABASE_URL"].replace("/postgres?", f"/{name}?", 1)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": url,
        "VAR_DIR": str(configured.VAR_DIR),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(sink.port),
    }
