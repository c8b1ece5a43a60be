"""`manage.py deliver_outbox`: send what is due, now."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.outbox.delivery import deliver_due


class Command(BaseCommand):
    """Deliver queued mail once and say how many messages went out."""

    help = "Send the queued mail that is due."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one sweep."""
        report = deliver_due()
        self.stdout.write(f"sent {report.sent}, to try again {report.retried}, given up {report.dead}")
