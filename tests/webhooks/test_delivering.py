"""Deliveries to a real server on loopback: what is taken, what is tried again, what ends."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from portal.outbox.models import Notification
from portal.webhooks import delivering, keys, sending, services
from portal.webhooks.delivering import BACK_OFF, JITTER, MOST_ATTEMPTS, Report, deliver_due
from portal.webhooks.models import Delivery, DeliveryState, Endpoint, EndpointState
from tests.cast import Cast, submitted
from tests.webhooks.receiver import Receiver, answer, endless, silent, trickles

pytestmark = pytest.mark.django_db
Registers = Callable[..., Endpoint]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def one(cast: Cast, receiver: Receiver, endpoint_for: Registers) -> Delivery:
    """One event that waits for the receiver."""
    endpoint_for(url=receiver.url)
    submitted(cast)
    return Delivery.objects.get()


def again(delivery: Delivery) -> Report:
    """Let the time for the next try come, and sweep."""
    Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=timezone.now())
    report = deliver_due()
    delivery.refresh_from_db()
    return report


def test_a_delivery_arrives_signed_as_the_specification_has_it(one: Delivery, receiver: Receiver) -> None:
    assert deliver_due() == Report(delivered=1)
    got = receiver.got[0]
    assert got.path == "/hook?from=portal"
    assert got.body.decode() == one.body
    assert got.headers["webhook-id"] == str(one.event_id)
    assert got.headers["content-type"] == "application/json"
    secret = keys.shown_secret(one.endpoint)
    assert Webhook(secret).verify(got.body, got.headers)["type"] == "request.submitted"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(got.body + b" ", got.headers)
    one.refresh_from_db()
    assert (one.state, one.attempts, one.status) == (DeliveryState.DELIVERED, 1, 200)
    assert deliver_due() == Report()


def test_both_secrets_sign_for_a_day(cast: Cast, one: Delivery, receiver: Receiver) -> None:
    old = keys.shown_secret(one.endpoint)
    services.rotate_secret(actor=cast.admin, endpoint=one.endpoint)
    one.endpoint.refresh_from_db()
    new = keys.shown_secret(one.endpoint)
    deliver_due()
    for secret in (old, new):
        Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    Endpoint.objects.update(old_until=timezone.now() - timedelta(seconds=1))
    services.send_test(actor=cast.admin, endpoint=one.endpoint)
    deliver_due()
    Webhook(new).verify(receiver.got[1].body, receiver.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.got[1].body, receiver.got[1].headers)


def test_an_error_is_tried_again_with_the_same_id_and_body(one: Delivery, receiver: Receiver) -> None:
    receiver.behaviours = [answer(500, b"<b>Oh\nno</b>" + b"!" * 900), answer(200)]
    before = timezone.now()
    assert deliver_due() == Report(retried=1)
    one.refresh_from_db()
    assert (one.state, one.status, len(one.answer)) == (DeliveryState.QUEUED, 500, 500)
    assert one.answer.startswith("<b>Oh no</b>")
    wait = one.next_attempt_at - before
    assert BACK_OFF[0] * (1 - JITTER) <= wait <= BACK_OFF[0] * (1 + JITTER) + timedelta(seconds=20)
    one.endpoint.refresh_from_db()
    assert one.endpoint.failing_since is not None
    assert deliver_due() == Report()
    assert again(one) == Report(delivered=1)
    first, second = receiver.got
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    one.endpoint.refresh_from_db()
    assert one.endpoint.failing_since is None


def test_after_about_a_day_it_is_given_up(one: Delivery, receiver: Receiver) -> None:
    assert timedelta(hours=23) < sum(BACK_OFF, timedelta()) < timedelta(hours=25)
    receiver.behaviours = [answer(503)]
    for _ in range(MOST_ATTEMPTS - 1):
        assert again(one) == Report(retried=1)
    assert again(one) == Report(dead=1)
    assert (one.state, one.attempts) == (DeliveryState.DEAD, MOST_ATTEMPTS)
    assert deliver_due() == Report()


def test_a_redirect_is_not_followed(one: Delivery, receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        receiver.behaviours = [answer(307, Location=elsewhere.url)]
        assert deliver_due() == Report(retried=1)
        assert elsewhere.got == []
    one.refresh_from_db()
    assert (one.status, one.answer) == (307, "A redirect. None is followed.")


@pytest.mark.parametrize("behaviour", [silent, trickles])
def test_a_slow_endpoint_meets_the_deadline(
    one: Delivery, receiver: Receiver, behaviour: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.6)
    receiver.behaviours = [behaviour]
    before = timezone.now()
    assert deliver_due() == Report(retried=1)
    assert timezone.now() - before < timedelta(seconds=4)
    one.refresh_from_db()
    assert (one.status, one.answer) == (None, "No answer came within 0.6 seconds.")


def test_an_endless_body_is_cut_off(one: Delivery, receiver: Receiver) -> None:
    receiver.behaviours = [endless]
    before = timezone.now()
    assert deliver_due() == Report(retried=1)
    assert timezone.now() - before < timedelta(seconds=5)
    one.refresh_from_db()
    assert (one.status, one.answer) == (500, "x" * 499 + "…")


def test_gone_pauses_the_endpoint_and_tells_administrators(
    cast: Cast, one: Delivery, receiver: Receiver
) -> None:
    receiver.behaviours = [answer(410), answer(200)]
    assert deliver_due() == Report(retried=1, paused=1)
    one.endpoint.refresh_from_db()
    assert one.endpoint.state == EndpointState.PAUSED
    email = Notification.objects.get(subject__contains="Webhook paused")
    assert email.recipient == cast.admin.email
    assert "410" in email.text
    assert again(one) == Report()
    services.resume_endpoint(actor=cast.admin, endpoint=one.endpoint)
    assert deliver_due() == Report(delivered=1)


def test_days_of_failures_pause_the_endpoint_once(cast: Cast, one: Delivery, receiver: Receiver) -> None:
    receiver.behaviours = [answer(500)]
    deliver_due()
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=2, hours=23))
    assert deliver_due().paused == 0
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=3, hours=1))
    assert deliver_due().paused == 1
    assert deliver_due().paused == 0
    assert Notification.objects.filter(subject__contains="Webhook paused").count() == 1


def test_a_paused_endpoint_gets_tests_alone(cast: Cast, one: Delivery, receiver: Receiver) -> None:
    services.pause_endpoint(actor=cast.admin, endpoint=one.endpoint)
    assert deliver_due() == Report()
    services.send_test(actor=cast.admin, endpoint=one.endpoint)
    assert deliver_due() == Report(delivered=1)
    assert b"webhook.test" in receiver.got[0].body


def test_a_failing_endpoint_does_not_keep_the_others_waiting(
    cast: Cast, one: Delivery, receiver: Receiver, endpoint_for: Registers
) -> None:
    receiver.behaviours = [answer(500)]
    with Receiver() as healthy:
        good = endpoint_for(url=healthy.url)
        for _ in range(3):
            services.send_test(actor=cast.admin, endpoint=one.endpoint)
            services.send_test(actor=cast.admin, endpoint=good)
        assert deliver_due() == Report(delivered=3, retried=1)
    assert len(receiver.got) == 1


def test_endpoints_take_turns(
    cast: Cast, receiver: Receiver, endpoint_for: Registers, monkeypatch: Any
) -> None:
    monkeypatch.setattr(delivering, "TURN", 2)
    first, second = endpoint_for(url=receiver.url), endpoint_for(url=receiver.url + "&second")
    for endpoint in (first, first, first, first, first, second):
        services.send_test(actor=cast.admin, endpoint=endpoint)
    assert deliver_due() == Report(delivered=6)
    assert [got.path.endswith("second") for got in receiver.got].index(True) == 2


def test_what_a_dead_worker_claimed_comes_back(one: Delivery, receiver: Receiver) -> None:
    claimed = delivering._claim(set())
    assert claimed is not None
    assert deliver_due() == Report()
    Delivery.objects.update(claimed_at=timezone.now() - timedelta(minutes=6))
    assert deliver_due() == Report(delivered=1)
    assert delivering._delivered(claimed, sending.Result(500, "late")) == Report(delivered=1)
    one.refresh_from_db()
    assert (one.attempts, one.status) == (2, 200), "the late worker's word counts no longer"


def test_a_changed_secret_key_sends_nothing(one: Delivery, receiver: Receiver, settings: Any) -> None:
    settings.SECRET_KEY = "y" * 60
    assert deliver_due() == Report(paused=1)
    assert receiver.got == []
    one.refresh_from_db()
    assert (one.state, one.attempts) == (DeliveryState.QUEUED, 0)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_inside_a_transaction(one: Delivery, receiver: Receiver) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        deliver_due()
    assert receiver.got == []


def test_a_month_old_row_is_forgotten(one: Delivery, receiver: Receiver) -> None:
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=29), state=DeliveryState.DEAD)
    deliver_due()
    assert Delivery.objects.count() == 1
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    deliver_due()
    assert not Delivery.objects.exists()


def test_the_command_says_what_it_did(one: Delivery) -> None:
    out = StringIO()
    call_command("deliver_webhooks", stdout=out)
    assert out.getvalue().startswith("delivered 1, to try again 0, given up 0")
