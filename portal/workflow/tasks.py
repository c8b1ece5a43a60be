"""Celery's way to the engine's services."""

from celery import shared_task
from django.utils import timezone

from portal.workflow.services import escalating


@shared_task
def escalate_overdue() -> None:
    """Remind the people of overdue stages."""
    escalating.escalate_overdue(today=timezone.localdate())
