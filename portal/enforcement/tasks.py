"""Celery tasks for publication."""

from celery import shared_task

from portal.enforcement import hosts, services
from portal.grants import dating


@shared_task
def publish_changes() -> None:
    """Publish if a permission changed. A date that jumped is noticed here, a minute later at most."""
    dating.note_today()
    services.publish_changes()


@shared_task
def publish() -> None:
    """Publish for the new day: grants start and end at midnight."""
    services.publish_changes(force=True)


@shared_task
def check_hosts() -> None:
    """Notify IT of mail hosts that are late, silent or different."""
    hosts.check_hosts()
