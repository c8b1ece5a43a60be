"""Celery tasks for the grants' services."""

from celery import shared_task

from portal.grants.services import dates, rechecking
from portal.lib.trusted_day import trusted_day


@shared_task
def send_reminders() -> None:
    """Queue today's reminders."""
    dates.send_reminders(today=trusted_day())


@shared_task
def lapse_grants() -> None:
    """Mark grants as lapsed or ended."""
    dates.lapse_grants(today=trusted_day())


@shared_task
def recheck_grants() -> None:
    """Check again what permissions were approved on."""
    rechecking.recheck_grants(today=trusted_day())
