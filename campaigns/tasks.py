"""Celery tasks of campaigns."""

from celery import shared_task

from campaigns import post_approval
from portal.lib.trusted_day import trusted_day


@shared_task
def request_results() -> None:
    """Ask for the results of the campaigns that are over."""
    post_approval.request_results(today=trusted_day())
