"""Celery's way to the room's services."""

from celery import shared_task
from django.utils import timezone

from campaigns import aftermath


@shared_task
def ask_outcomes() -> None:
    """Ask what came of the campaigns that are over."""
    aftermath.ask_outcomes(today=timezone.localdate())
