"""Celery tasks for the outbox's services."""

from celery import shared_task

from portal.outbox.delivery import deliver_due


@shared_task
def deliver_outbox() -> None:
    """Send what is due."""
    deliver_due()
