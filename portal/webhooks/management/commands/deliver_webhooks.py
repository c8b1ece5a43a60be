"""`manage.py deliver_webhooks`: deliver what is due, now."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.webhooks.delivering import deliver_due


class Command(BaseCommand):
    """Deliver waiting events once and print the result."""

    help = "Deliver the webhook events that are due."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one sweep."""
        report = deliver_due()
        self.stdout.write(
            f"delivered {report.delivered}, to try again {report.retried}, given up {report.dead}, "
            f"endpoints paused {report.paused}"
        )
