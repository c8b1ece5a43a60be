"""Celery's way to the grants' services."""

from celery import shared_task
from django.utils import timezone

from portal.grants.services import dates


@shared_task
def send_reminders() -> None:
    """Queue today's reminders."""
    dates.send_reminders(today=timezone.localdate())


@shared_task
def lapse_grants() -> None:
    """Mark the grants that ended."""
    dates.lapse_grants(today=timezone.localdate())
