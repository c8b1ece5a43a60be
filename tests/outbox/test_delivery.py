"""The outbox against a real mail server: once, again, never, and what the headers say."""

from datetime import timedelta
from email.message import EmailMessage
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from portal.grants.services import dates
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox import delivery, services
from portal.outbox.delivery import BACK_OFF, DeliveryReport, deliver_due
from portal.outbox.models import Delivery, Notification
from portal.outbox.selectors import LEASE
from portal.outbox.services import enqueue
from portal.workflow.kinds import Kind
from portal.workflow.models import ServiceRequest
from portal.workflow.services import reviewing
from portal.workflow.states import State
from tests.cast import Cast, approve, approved, client_of, fresh, submitted
from tests.support.smtp import SmtpSink

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"


def queue_one(recipient: str = "requester@ttu.edu", **facts: Any) -> Notification:
    context = {
        "reference": "TM-R-1",
        "title": "Copier copier-7.ttu.edu",
        "kind_label": "SMTP relay",
        "path": "/requests/TM-R-1/",
        "actor": "Reviewer",
        "comment": "Which copier?",
        **facts,
    }
    enqueue(recipient=recipient, template="request_question", context=context, thread="TM-R-1")
    return Notification.objects.latest("id")


def subject_of(mail: EmailMessage) -> str:
    # A long subject begins on the header's second line; the parser keeps the blank of the fold.
    return str(mail["Subject"]).strip()


def again(message: Notification) -> Notification:
    return Notification.objects.get(pk=message.pk)


# ---------------------------------------------------------------- once
def test_a_message_is_delivered_once(sink: SmtpSink) -> None:
    message = queue_one()
    assert deliver_due() == DeliveryReport(sent=1)
    assert deliver_due() == DeliveryReport()
    assert len(sink.messages) == 1
    assert (again(message).state, again(message).attempts) == (Delivery.SENT, 1)
    assert again(message).sent_at is not None


def test_the_headers_stop_loops_and_thread_by_reference(sink: SmtpSink) -> None:
    first, second = queue_one(), queue_one("colleague@ttu.edu")
    deliver_due()
    one, two = sink.messages
    assert one["Message-ID"] == first.message_id
    assert two["Message-ID"] == second.message_id != first.message_id
    for mail in (one, two):
        assert mail["Auto-Submitted"] == "auto-generated"  # RFC 3834 section 5
        assert mail["X-Auto-Response-Suppress"] == "All"
        assert mail["In-Reply-To"] == mail["References"] == "<tm-r-1@ttu.edu>"
        assert subject_of(mail).startswith("[TM-R-1] ")
        assert mail["Date"]
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert (one["To"], two["To"]) == ("requester@ttu.edu", "colleague@ttu.edu")


def test_the_same_key_is_queued_once(db: None) -> None:
    facts: dict[str, Any] = {
        "recipient": "a@ttu.edu",
        "template": "request_question",
        "unique_key": "k",
        "context": {"reference": "R", "title": "T", "path": "/", "actor": "A", "comment": "C"},
    }
    assert enqueue(**facts) is not None
    assert enqueue(**facts) is None
    assert Notification.objects.count() == 1


# ---------------------------------------------------------------- again
def test_a_temporary_refusal_backs_off_and_keeps_the_message_id(sink: SmtpSink) -> None:
    message = queue_one()
    sink.refuse = "451 4.7.1 Try again later"
    with time_machine.travel(timezone.now()) as clock:
        for wait in BACK_OFF:
            assert deliver_due() == DeliveryReport(retried=1)
            left = again(message).next_attempt_at - timezone.now()
            assert wait - timedelta(seconds=5) < left <= wait
            assert "Try again later" in again(message).last_error
            clock.shift(wait - timedelta(seconds=30))
            assert deliver_due() == DeliveryReport()
            clock.shift(timedelta(seconds=30))
        sink.refuse = ""
        assert deliver_due() == DeliveryReport(sent=1)
    assert [mail["Message-ID"] for mail in sink.messages] == [message.message_id]
    assert (again(message).attempts, again(message).last_error) == (len(BACK_OFF) + 1, "")


def test_after_the_last_wait_a_message_is_given_up(sink: SmtpSink) -> None:
    message = queue_one()
    sink.refuse = "451 Later"
    Notification.objects.filter(pk=message.pk).update(attempts=len(BACK_OFF))
    assert deliver_due() == DeliveryReport(dead=1)
    assert again(message).state == Delivery.DEAD


def test_an_outage_of_the_server_uses_up_no_attempts(sink: SmtpSink, settings: Any) -> None:
    message = queue_one()
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    for _ in range(len(BACK_OFF) + 2):
        assert deliver_due() == DeliveryReport()
    assert (again(message).state, again(message).attempts) == (Delivery.QUEUED, 0)
    settings.EMAIL_PORT = port
    assert deliver_due() == DeliveryReport(sent=1)


def test_a_claim_that_a_dead_worker_left_is_taken_again(sink: SmtpSink) -> None:
    message = queue_one()
    claimed = Notification.objects.filter(pk=message.pk)
    claimed.update(state=Delivery.SENDING, claimed_at=timezone.now() - LEASE + timedelta(seconds=5))
    assert deliver_due() == DeliveryReport()
    claimed.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
    assert deliver_due() == DeliveryReport(sent=1)
    assert sink.messages[0]["Message-ID"] == message.message_id


def test_two_sweeps_do_not_send_the_same_message(sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    queue_one()
    deliver = delivery._deliver

    def sweep_meanwhile(message: Notification, connection: Any) -> DeliveryReport:
        monkeypatch.setattr(delivery, "_deliver", deliver)
        assert deliver_due() == DeliveryReport()
        return deliver(message, connection)

    monkeypatch.setattr(delivery, "_deliver", sweep_meanwhile)
    assert deliver_due() == DeliveryReport(sent=1)
    assert len(sink.messages) == 1


# ---------------------------------------------------------------- given up
def test_a_permanent_refusal_is_a_dead_email_that_can_be_sent_again(cast: Cast, sink: SmtpSink) -> None:
    message = queue_one()
    sink.refuse = "550 5.1.1 No such mailbox"
    assert deliver_due() == DeliveryReport(dead=1)
    page = client_of(cast.reviewer).get("/outbox/").content.decode()
    assert "No such mailbox" in page
    assert message.recipient in page
    with pytest.raises(NotAllowed):
        services.retry(message=again(message), actor=cast.requester)
    sink.refuse = ""
    assert client_of(cast.reviewer).post(f"/outbox/{message.pk}/", {"action": "retry"}).status_code == 302
    assert deliver_due() == DeliveryReport(sent=1)
    assert sink.messages[0]["Message-ID"] == message.message_id
    with pytest.raises(WrongState):
        services.retry(message=again(message), actor=cast.reviewer)


def test_a_dead_email_can_be_discarded_once(cast: Cast, sink: SmtpSink) -> None:
    message = queue_one()
    Notification.objects.filter(pk=message.pk).update(state=Delivery.DEAD)
    client = client_of(cast.admin)
    assert client.post(f"/outbox/{message.pk}/", {"action": "discard"}).status_code == 302
    assert client.post(f"/outbox/{message.pk}/", {"action": "discard"}).status_code == 409
    assert deliver_due() == DeliveryReport()
    assert sink.messages == []


def test_one_message_that_cannot_be_sent_stops_no_other(sink: SmtpSink) -> None:
    bad, good = queue_one("nobody@ttu.edu\nBcc: evil@example.org"), queue_one("colleague@ttu.edu")
    assert deliver_due() == DeliveryReport(sent=1, dead=1)
    assert (again(bad).state, again(good).state) == (Delivery.DEAD, Delivery.SENT)
    assert [mail["To"] for mail in sink.messages] == ["colleague@ttu.edu"]


# ---------------------------------------------------------------- never
def test_a_change_that_was_rolled_back_sends_nothing(cast: Cast, sink: SmtpSink) -> None:
    request = submitted(cast)
    Notification.objects.all().delete()

    class _Broken(Exception):
        pass

    def ask_and_break() -> None:
        with transaction.atomic():
            reviewing.ask(
                service_request=request,
                actor=cast.reviewer,
                revision=request.revision,
                questions=[("", "Why?")],
            )
            assert Notification.objects.exists()
            raise _Broken

    with pytest.raises(_Broken):
        ask_and_break()
    assert deliver_due() == DeliveryReport()
    assert sink.messages == []
    assert fresh(request).state == State.IN_REVIEW


def test_an_approval_whose_grant_fails_neither_stands_nor_is_told(
    cast: Cast, sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = submitted(cast)
    Notification.objects.all().delete()

    def broken(self: Kind, **facts: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(type(request.kind_entry), "on_approved", broken)
    with pytest.raises(RuntimeError):
        approve(cast, request)
    assert fresh(request).state == State.IN_REVIEW
    assert deliver_due() == DeliveryReport()
    assert sink.messages == []


# ---------------------------------------------------------------- what it says
def test_a_title_with_line_breaks_adds_no_header(cast: Cast, sink: SmtpSink) -> None:
    request = submitted(cast)
    Notification.objects.all().delete()
    title = "Copier\r\nBcc: evil@example.org\r\n\r\nBody of mine"
    request.title = title
    ServiceRequest.objects.filter(pk=request.pk).update(title=title)
    reviewing.ask(
        service_request=request, actor=cast.reviewer, revision=request.revision, questions=[("", "Why?")]
    )
    deliver_due()
    mail = sink.messages[0]
    assert mail["Bcc"] is None
    assert mail["To"] == cast.requester.email
    assert "\n" not in str(mail["Subject"])
    assert len(sink.messages) == 1


def test_a_title_with_markup_is_only_text_in_the_html(sink: SmtpSink) -> None:
    queue_one(title="<script>alert(1)</script>", comment="<img src=x onerror=alert(1)>")
    deliver_due()
    text, html = (part.get_content() for part in sink.messages[0].iter_parts())
    assert "<img src=x onerror=alert(1)>" in text
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


@time_machine.travel("2026-03-02T15:00:00Z")
def test_the_email_of_a_question_reads_as_agreed(cast: Cast, sink: SmtpSink) -> None:
    request = submitted(cast)
    reviewing.ask(
        service_request=request,
        actor=cast.reviewer,
        revision=request.revision,
        questions=[("hostname", "Is this the copier on the second floor?")],
    )
    deliver_due()
    assert_golden("question.txt", sink)


@time_machine.travel("2026-03-02T15:00:00Z")
def test_the_email_of_a_reminder_reads_as_agreed(cast: Cast, sink: SmtpSink) -> None:
    grant = approved(cast)
    Notification.objects.all().delete()
    dates.send_reminders(today=grant.ends_on - timedelta(days=14))
    deliver_due()
    assert_golden("reminder.txt", sink)


def assert_golden(name: str, sink: SmtpSink) -> None:
    mail = sink.messages[-1]
    text = next(part for part in mail.iter_parts() if part.get_content_type() == "text/plain")
    shown = f"To: {mail['To']}\nSubject: {subject_of(mail)}\n\n{text.get_content()}".replace("\r\n", "\n")
    assert shown == (GOLDEN / name).read_text(encoding="utf-8")


def test_the_command_says_what_it_did(sink: SmtpSink) -> None:
    queue_one()
    out = StringIO()
    call_command("deliver_outbox", stdout=out)
    assert "sent 1" in out.getvalue()
