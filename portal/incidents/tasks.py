"""Celery tasks for the services of incidents."""

from celery import shared_task

from portal.incidents import services


@shared_task
def carry_on() -> None:
    """Continue suspending what incidents concern; runs each minute in case the broker lost a task."""
    services.carry_on(seconds=services.SWEEP_SECONDS)
