"""Celery's way to the search for owners."""

from celery import shared_task
from django.utils import timezone

from portal.leaving import services


@shared_task
def chase_owners() -> None:
    """Ask whom today asks for."""
    services.chase_owners(today=timezone.localdate())
