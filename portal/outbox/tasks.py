"""Celery's way to the outbox's services."""

from celery import shared_task

from portal.outbox import services


@shared_task
def deliver_outbox() -> None:
    """Send what is due."""
    services.deliver_due()
