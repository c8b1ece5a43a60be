"""Celery tasks of the accounts app."""

from smtplib import SMTPException
from typing import Any

from celery import shared_task
from django.core.management import call_command

from portal.accounts import presence, resetting


@shared_task(bind=True, max_retries=5, default_retry_delay=30)
def send_reset_link(self: Any, address: str) -> None:
    """Send a link to choose a new password, where the address has an account with one; tries for a few minutes."""
    try:
        resetting.send_reset_link(address=address)
    except (OSError, SMTPException) as error:
        raise self.retry(exc=error) from error


@shared_task
def clear_sessions() -> None:
    """Delete expired sessions: every visitor who starts a form may create one."""
    call_command("clearsessions")


@shared_task
def follow_directory() -> None:
    """Note who is gone from a directory other than our own table, or is back."""
    presence.follow_directory()
