"""Queries for due, waiting and failed messages."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.outbox.models import Delivery, Notification

LEASE = timedelta(minutes=10)
"""A claim older than this was left by a worker that died; far longer than one message may take."""


def due_messages() -> QuerySet[Notification]:
    """Messages to send now, oldest first: due ones, and claims left by a worker that died."""
    now = timezone.now()
    return Notification.objects.filter(
        Q(state=Delivery.QUEUED, next_attempt_at__lte=now)
        | Q(state=Delivery.SENDING, claimed_at__lt=now - LEASE)
    ).order_by("next_attempt_at", "id")


def waiting_messages() -> QuerySet[Notification]:
    """Messages that will still be tried, oldest first."""
    return Notification.objects.filter(state__in=(Delivery.QUEUED, Delivery.SENDING)).order_by("id")


def undelivered() -> QuerySet[Notification]:
    """Messages that were given up, newest first, without their contents."""
    return Notification.objects.filter(state=Delivery.DEAD).order_by("-id").defer("text", "html")
