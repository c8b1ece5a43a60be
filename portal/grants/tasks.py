"""Celery's way to the grants' services."""

from celery import shared_task
from django.utils import timezone

from portal.grants.services import dates, rechecking


@shared_task
def send_reminders() -> None:
    """Queue today's reminders."""
    dates.send_reminders(today=timezone.localdate())


@shared_task
def lapse_grants() -> None:
    """Mark the grants that ended."""
    dates.lapse_grants(today=timezone.localdate())


@shared_task
def recheck_grants() -> None:
    """Check again that what grants were approved on still holds."""
    rechecking.recheck_grants(today=timezone.localdate())
