"""What administrators do with endpoints: register, change, test, pause, resume, rotate, remove, retry."""

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import WrongState
from portal.webhooks import keys, payloads, recording
from portal.webhooks.models import Delivery, DeliveryState, Endpoint, EndpointState, EventType
from portal.webhooks.policies import check_may_handle

logger = logging.getLogger(__name__)
OVERLAP = timedelta(hours=24)
"""How long the secret before the present one signs as well."""


@transaction.atomic
def register_endpoint(*, actor: User, url: str, description: str, events: Collection[str]) -> Endpoint:
    """Register an address that was checked (`addresses.py`); returns it with a fresh secret. Raises NotAllowed."""
    check_may_handle(actor)
    endpoint = Endpoint(
        url=url,
        description=description,
        events=_ordered(events),
        created_by=actor,
        state_changed_by=actor,
        salt=keys.new_salt(),
    )
    endpoint.secret_check = keys.check_of(keys.derived(endpoint, endpoint.salt))
    endpoint.save(force_insert=True)
    logger.info("Webhook %s was registered by %s.", endpoint.pk, actor.pk)
    return endpoint


def _ordered(events: Collection[str]) -> list[str]:
    return [kind.value for kind in EventType if kind.value in events]


def change_endpoint(*, actor: User, endpoint: Endpoint, description: str, events: Collection[str]) -> None:
    """Change what it is called and what it hears. Raises NotAllowed or WrongState."""
    _update(endpoint, actor, description=description, events=_ordered(events))


def pause_endpoint(*, actor: User, endpoint: Endpoint) -> None:
    """Send nothing until it is resumed; what happens meanwhile waits. Raises NotAllowed or WrongState."""
    _change_state(endpoint, actor, EndpointState.ACTIVE, EndpointState.PAUSED, paused_because="")


def resume_endpoint(*, actor: User, endpoint: Endpoint) -> None:
    """Send again, what waited too, as of now. Raises NotAllowed or WrongState.

    A secret that a changed SECRET_KEY made useless must be rotated first.
    """
    check_may_handle(actor)
    if not keys.is_intact(endpoint):
        raise WrongState("Rotate the secret first: the receiver cannot verify what the present one signs.")
    with transaction.atomic():
        _change_state(
            endpoint, actor, EndpointState.PAUSED, EndpointState.ACTIVE, paused_because="", failing_since=None
        )
        waiting = endpoint.deliveries.filter(state=DeliveryState.QUEUED)
        waiting.update(next_attempt_at=timezone.now())
        recording.deliver_soon()


@transaction.atomic
def remove_endpoint(*, actor: User, endpoint: Endpoint) -> None:
    """End it for good: nothing waits for it, nothing can be signed for it. Raises NotAllowed or WrongState."""
    _update(
        endpoint,
        actor,
        state=EndpointState.REMOVED,
        state_changed_at=timezone.now(),
        state_changed_by=actor,
        salt="",
        secret_check="",
        old_salt="",
        old_until=None,
    )
    endpoint.deliveries.all().delete()


def rotate_secret(*, actor: User, endpoint: Endpoint) -> None:
    """A fresh secret; for a day the one before signs too, and any older one no longer.

    Raises NotAllowed or WrongState.
    """
    check_may_handle(actor)
    now, salt = timezone.now(), keys.new_salt()
    old: dict[str, Any] = {"old_salt": "", "old_until": None}
    if keys.is_intact(endpoint):
        old = {"old_salt": endpoint.salt, "old_until": now + OVERLAP}
    _update(
        endpoint,
        actor,
        salt=salt,
        secret_made_at=now,
        secret_check=keys.check_of(keys.derived(endpoint, salt)),
        **old,
    )


@transaction.atomic
def send_test(*, actor: User, endpoint: Endpoint) -> Delivery:
    """Write a test event, which goes to a paused endpoint as well. Raises NotAllowed or WrongState."""
    check_may_handle(actor)
    if endpoint.state == EndpointState.REMOVED:
        raise WrongState("This endpoint was removed.")
    data = payloads.about_test(endpoint)
    return recording.write(EventType.TEST, timezone.now(), data, [endpoint])[0]


@transaction.atomic
def retry_delivery(*, actor: User, delivery: Delivery) -> None:
    """Queue a delivery that was given up again, with its old id. Raises NotAllowed or WrongState."""
    check_may_handle(actor)
    dead = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.DEAD)
    queued = dead.update(
        state=DeliveryState.QUEUED, attempts=0, next_attempt_at=timezone.now(), finished_at=None
    )
    if queued != 1:
        raise WrongState("This delivery is not among those that were given up.")
    recording.deliver_soon()
    logger.info("Webhook delivery %s was queued again by %s.", delivery.pk, actor.pk)


def _change_state(
    endpoint: Endpoint, actor: User, source: EndpointState, target: EndpointState, **columns: Any
) -> None:
    now = timezone.now()
    _update(
        endpoint, actor, source=source, state=target, state_changed_at=now, state_changed_by=actor, **columns
    )


def _update(endpoint: Endpoint, actor: User, source: EndpointState | None = None, **columns: Any) -> None:
    """Write `columns` where the endpoint is still there, and in the state `source` if one is named."""
    check_may_handle(actor)
    rows = Endpoint.objects.filter(pk=endpoint.pk).exclude(state=EndpointState.REMOVED)
    if source is not None:
        rows = rows.filter(state=source)
    if rows.update(**columns) != 1:
        raise WrongState("The endpoint is in another state by now. Read its page again.")
    logger.info("Webhook %s: %s changed by %s.", endpoint.pk, ", ".join(sorted(columns)), actor.pk)
