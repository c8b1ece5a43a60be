"""`manage.py recheck_grants`: run the daily job now, or as if it were another day."""

from typing import Any

from portal.grants.management.dated import DatedCommand
from portal.grants.services import rechecking


class Command(DatedCommand):
    """Run the checks for a day and say what they found."""

    help = "Check again what permissions were approved on."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        run = rechecking.recheck_grants(today=self.day(options))
        self.stdout.write(
            f"checked {run.done}, out of compliance {run.broken}, without an answer {run.unknown}"
        )
