"""`manage.py send_proof_reminders`: run the daily job now, or as if it were another day."""

from typing import Any

from portal.grants.management.dated import DatedCommand
from portal.samples import reminding


class Command(DatedCommand):
    """Run the service for a day and say how many reminders it queued."""

    help = "Queue the reminders of permissions whose proof is missing."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        self.stdout.write(f"queued {reminding.send_proof_reminders(today=self.day(options))}")
