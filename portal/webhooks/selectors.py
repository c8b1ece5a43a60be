"""Endpoints and deliveries as pages and the sweep ask for them."""

from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from portal.webhooks.models import Delivery, DeliveryState, Endpoint, EndpointState, EventType

LEASE = timedelta(minutes=5)
"""A claim older than this was left by a worker that died; far longer than one try may take."""


def present_endpoints() -> QuerySet[Endpoint]:
    """What is registered, with how many deliveries wait and how many were given up."""
    waiting = Q(deliveries__state__in=(DeliveryState.QUEUED, DeliveryState.SENDING))
    dead = Q(deliveries__state=DeliveryState.DEAD)
    return Endpoint.objects.exclude(state=EndpointState.REMOVED).annotate(
        waiting=Count("deliveries", filter=waiting), dead=Count("deliveries", filter=dead)
    )


def removed_endpoints() -> QuerySet[Endpoint]:
    """What was removed, newest first: by whom and when."""
    removed = Endpoint.objects.filter(state=EndpointState.REMOVED)
    return removed.select_related("state_changed_by").order_by("-state_changed_at")


def newest_deliveries(endpoint: Endpoint) -> QuerySet[Delivery]:
    """The endpoint's deliveries, newest first."""
    return endpoint.deliveries.order_by("-id")


def due_deliveries() -> QuerySet[Delivery]:
    """What to send now, in the order in which it came due: waiting, or left by a worker that died.

    To a paused endpoint a test alone goes.
    """
    now = timezone.now()
    due = Q(state=DeliveryState.QUEUED, next_attempt_at__lte=now) | Q(
        state=DeliveryState.SENDING, claimed_at__lt=now - LEASE
    )
    sent_to = Q(endpoint__state=EndpointState.ACTIVE) | Q(
        endpoint__state=EndpointState.PAUSED, event_type=EventType.TEST
    )
    return Delivery.objects.filter(due, sent_to).order_by("next_attempt_at", "id")
