"""Deliver what is due: claim a row, POST outside any transaction, record the result.

At least once: a row whose worker dies between the endpoint's response and our record is sent again, with the
same id. Endpoints take turns, so that neither a slow one nor a long queue delays the others.
"""

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from portal.webhooks import keys, notices, sending, signing
from portal.webhooks.models import Delivery, DeliveryState, Endpoint, EndpointState
from portal.webhooks.selectors import due_deliveries

logger = logging.getLogger(__name__)

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240, 360, 600))
"""The wait after each failed attempt, about a day in all; after one more failure the delivery is given up."""
MOST_ATTEMPTS = len(BACK_OFF) + 1
JITTER = 0.2
"""The random share by which a wait varies, so that deliveries that failed together are not retried together."""
PAUSED_AFTER = timedelta(days=3)
"""An endpoint that accepted nothing for so long is paused."""
KEPT = timedelta(days=30)
SWEEP_SECONDS = 45.0
TURN = 20
"""Deliveries to one endpoint before the others have theirs."""
_FORGOTTEN_AT_ONCE = 1000


@dataclass(frozen=True)
class Report:
    """What one sweep did."""

    delivered: int = 0
    retried: int = 0
    dead: int = 0
    paused: int = 0

    def __add__(self, other: "Report") -> "Report":
        return Report(
            self.delivered + other.delivered,
            self.retried + other.retried,
            self.dead + other.dead,
            self.paused + other.paused,
        )


def deliver_due(*, seconds: float = SWEEP_SECONDS) -> Report:
    """Deliver what is due until nothing is or `seconds` have passed; return the counts. An endpoint that fails
    is not tried again in this run.
    """
    report = Report(paused=_pause_failing())
    _forget_old()
    ends_at, failed, turns = time.monotonic() + seconds, set[int](), dict[int, int]()
    while time.monotonic() < ends_at:
        rested = {pk for pk, count in turns.items() if count >= TURN}
        delivery = _claim(failed | rested)
        if delivery is None and rested:
            turns.clear()
            continue
        if delivery is None:
            break
        outcome = _deliver(delivery)
        report += outcome
        turns[delivery.endpoint_id] = turns.get(delivery.endpoint_id, 0) + 1
        if not outcome.delivered:
            failed.add(delivery.endpoint_id)
    return report


def _claim(without: set[int]) -> Delivery | None:
    """Claim the next row for this worker, of an endpoint not in `without`; None if there is none. The attempt
    counts from here, so that a delivery that crashes its worker is also given up.
    """
    # Durable: a caller's transaction would stay open during the POST.
    with transaction.atomic(durable=True):
        due = due_deliveries().exclude(endpoint_id__in=without)
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        found = due.only("pk").first()
        if found is None:
            return None
        rows = due_deliveries().order_by().filter(pk=found.pk)
        changes = {
            "state": DeliveryState.SENDING,
            "claimed_at": timezone.now(),
            "attempts": F("attempts") + 1,
        }
        if rows.update(**changes) != 1:
            return None
    return Delivery.objects.select_related("endpoint").get(pk=found.pk)


def _deliver(delivery: Delivery) -> Report:
    now = timezone.now()
    if delivery.attempts > MOST_ATTEMPTS:
        return _failed(delivery, sending.Result(None, "Each worker that tried to send this died."))
    try:
        signing_secrets = keys.secrets_of(delivery.endpoint, now)
    except keys.SecretChanged:
        return _cannot_sign(delivery)
    body = delivery.body.encode()
    headers = signing.signed_headers(
        secrets=signing_secrets, event_id=delivery.event_id, timestamp=int(now.timestamp()), body=body
    )
    result = sending.post(delivery.endpoint.url, headers, body)
    if result.is_delivered:
        return _delivered(delivery, result)
    return _failed(delivery, result)


@transaction.atomic
def _delivered(delivery: Delivery, result: sending.Result) -> Report:
    now = timezone.now()
    _finish(delivery, result, state=DeliveryState.DELIVERED, finished_at=now)
    Endpoint.objects.filter(pk=delivery.endpoint_id).update(failing_since=None, last_delivered_at=now)
    return Report(delivered=1)


@transaction.atomic
def _failed(delivery: Delivery, result: sending.Result) -> Report:
    logger.warning(
        "Webhook delivery %s to endpoint %s failed (try %s): %s %s",
        delivery.pk,
        delivery.endpoint_id,
        delivery.attempts,
        result.status or "",
        result.words,
    )
    now = timezone.now()
    Endpoint.objects.filter(pk=delivery.endpoint_id, failing_since=None).update(failing_since=now)
    if delivery.attempts >= MOST_ATTEMPTS:
        _finish(delivery, result, state=DeliveryState.DEAD, finished_at=now)
        report = Report(dead=1)
    else:
        _finish(delivery, result, state=DeliveryState.QUEUED, next_attempt_at=now + _wait(delivery.attempts))
        report = Report(retried=1)
    if result.is_gone:
        report += Report(paused=_pause(delivery.endpoint, "It answered 410: it wants nothing any more."))
    return report


def _wait(attempts: int) -> timedelta:
    """The wait after the try of this number (from 1), with jitter."""
    share = 1 - JITTER + 2 * JITTER * secrets.randbelow(1001) / 1000
    return BACK_OFF[attempts - 1] * share


@transaction.atomic
def _cannot_sign(delivery: Delivery) -> Report:
    """Release the row without an attempt: with another SECRET_KEY the receiver would refuse it."""
    result = sending.Result(None, "Not sent: SECRET_KEY is another one than when the secret was made.")
    _finish(delivery, result, state=DeliveryState.QUEUED, attempts=F("attempts") - 1)
    because = "SECRET_KEY is another one than when the secret was made. Rotate the secret, then resume."
    return Report(paused=_pause(delivery.endpoint, because))


def _finish(delivery: Delivery, result: sending.Result, **columns: Any) -> None:
    """Write the result of the attempt, unless the claim expired and another worker has the row."""
    ours = Delivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.SENDING, claimed_at=delivery.claimed_at
    )
    if ours.update(status=result.status, answer=result.words, **columns) != 1:
        logger.warning("The claim on webhook delivery %s ran out, or its endpoint was removed.", delivery.pk)


def _pause_failing() -> int:
    """Pause endpoints that accepted nothing for days, and notify administrators; return how many."""
    failing = Endpoint.objects.filter(
        state=EndpointState.ACTIVE, failing_since__lt=timezone.now() - PAUSED_AFTER
    )
    because = f"It took nothing for {PAUSED_AFTER.days} days."
    return sum(_pause(endpoint, because) for endpoint in failing)


@transaction.atomic
def _pause(endpoint: Endpoint, because: str) -> int:
    """Pause an endpoint on behalf of the portal; only the worker that changes the state sends the email."""
    now: datetime = timezone.now()
    active = Endpoint.objects.filter(pk=endpoint.pk, state=EndpointState.ACTIVE)
    changed = active.update(
        state=EndpointState.PAUSED, state_changed_at=now, state_changed_by=None, paused_because=because
    )
    if changed:
        logger.warning("Webhook %s is paused: %s", endpoint.pk, because)
        notices.paused(endpoint=endpoint, because=because)
    return changed


def _forget_old() -> None:
    """Delete deliveries that are over a month old; the changes themselves are in the timelines."""
    old = Delivery.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at")
    Delivery.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])).delete()
