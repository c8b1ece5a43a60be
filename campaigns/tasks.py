"""Celery tasks of campaigns."""

from celery import shared_task
from django.utils import timezone

from campaigns import post_approval


@shared_task
def request_results() -> None:
    """Ask for the results of the campaigns that are over."""
    post_approval.request_results(today=timezone.localdate())
