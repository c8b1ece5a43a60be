"""Celery tasks of the senders app."""

from celery import shared_task

from portal.lib.trusted_day import trusted_day
from senders import proving, watching


@shared_task
def recheck_unproven() -> None:
    """Judge what waits for its proof."""
    proving.recheck_unproven()


@shared_task
def prove_grant(pk: int) -> None:
    """Judge the samples of one grant that was just approved."""
    proving.prove(pk=pk)


@shared_task
def check_dns_records() -> None:
    """Look every planned DNS record up."""
    watching.check_dns_records(today=trusted_day())


@shared_task
def look_up_records(pk: int) -> None:
    """Look the DNS records of one authorization up."""
    watching.look_up(pk=pk)
