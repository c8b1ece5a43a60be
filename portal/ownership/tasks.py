"""Celery's way to the search for owners."""

from celery import shared_task

from portal.lib.trusted_day import trusted_day
from portal.ownership import services


@shared_task
def reassign_unowned() -> None:
    """Ask whom today asks for."""
    services.reassign_unowned(today=trusted_day())
