"""Celery tasks for the renewals' services."""

from celery import shared_task

from portal.renewals.services import deciding


@shared_task
def carry_out(pk: int) -> None:
    """Decide the rows of one run."""
    deciding.carry_out(pk)


@shared_task
def resume_runs() -> None:
    """Continue runs whose worker died, or that were never dispatched."""
    deciding.resume_runs()
