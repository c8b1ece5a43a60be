"""Celery tasks for the deliveries."""

from celery import shared_task

from portal.webhooks.delivering import deliver_due


@shared_task
def deliver_webhooks() -> None:
    """Deliver what is due."""
    deliver_due()
