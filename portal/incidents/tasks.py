"""Celery's way to the services of incidents."""

from celery import shared_task

from portal.incidents import services


@shared_task
def carry_on() -> None:
    """Go on suspending what incidents are about; beat comes each minute, whatever the broker lost."""
    services.carry_on(seconds=services.SWEEP_SECONDS)
