"""Celery tasks of the ownership app."""

from celery import shared_task

from portal.lib.trusted_day import trusted_day
from portal.ownership import services


@shared_task
def reassign_unowned() -> None:
    """Run the daily search for new owners."""
    services.reassign_unowned(today=trusted_day())
