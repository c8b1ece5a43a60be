"""Celery tasks for the API's housekeeping."""

from celery import shared_task

from portal.api import idempotency


@shared_task
def forget_calls() -> None:
    """Delete expired responses."""
    idempotency.forget_calls()
