"""Celery's way to the services of the senders room."""

from celery import shared_task

from senders import proving


@shared_task
def recheck_unproven() -> None:
    """Judge what waits for its proof."""
    proving.recheck_unproven()
