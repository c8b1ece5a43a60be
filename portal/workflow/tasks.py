"""Celery tasks for the engine's services."""

from celery import shared_task

from portal.lib.trusted_day import trusted_day
from portal.workflow.services import escalating


@shared_task
def escalate_overdue() -> None:
    """Remind the people of overdue stages."""
    escalating.escalate_overdue(today=trusted_day())
