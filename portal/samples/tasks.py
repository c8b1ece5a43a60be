"""Celery tasks of the samples app."""

from celery import shared_task

from portal.lib.trusted_day import trusted_day
from portal.samples import reminding, services
from portal.samples.models import SignedSample
from portal.workflow.models import ServiceRequest


@shared_task
def judge_sample(pk: int) -> None:
    """Check one sample that has just arrived; a deleted one is no error."""
    sample = SignedSample.objects.select_related("service_request").filter(pk=pk).first()
    if sample is not None:
        services.take_into_account(sample=sample)


@shared_task
def judge_newest(pk: int) -> None:
    """Check the newest samples of one request again; a deleted one is no error."""
    service_request = ServiceRequest.objects.filter(pk=pk).first()
    if service_request is not None:
        services.judge_newest(service_request=service_request)


@shared_task
def judge_waiting() -> None:
    """Check samples whose task was lost, and proofs that older rules accepted."""
    services.judge_waiting()
    services.review_old_proofs()


@shared_task
def send_proof_reminders() -> None:
    """Queue today's reminders of missing proofs."""
    reminding.send_proof_reminders(today=trusted_day())
