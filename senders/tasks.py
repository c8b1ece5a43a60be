"""Celery's way to the services of the senders room."""

from celery import shared_task

from senders import samples
from senders.models import SignedSample


@shared_task
def judge_sample(pk: int) -> None:
    """Judge one sample that has just arrived; one that is gone is no error."""
    sample = SignedSample.objects.select_related("service_request").filter(pk=pk).first()
    if sample is not None:
        samples.judge_sample(sample=sample)


@shared_task
def recheck_unproven() -> None:
    """Judge what waits for its proof."""
    samples.recheck_unproven()
