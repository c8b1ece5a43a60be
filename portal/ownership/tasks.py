"""Celery's way to the search for owners."""

from celery import shared_task
from django.utils import timezone

from portal.ownership import services


@shared_task
def reassign_unowned() -> None:
    """Ask whom today asks for."""
    services.reassign_unowned(today=timezone.localdate())
