"""Celery's way to the services of the senders room."""

from celery import shared_task

from senders import proving


@shared_task
def recheck_unproven() -> None:
    """Judge what waits for its proof."""
    proving.recheck_unproven()


@shared_task
def prove_grant(pk: int) -> None:
    """Judge the samples of one grant that was just approved."""
    proving.prove(pk=pk)
