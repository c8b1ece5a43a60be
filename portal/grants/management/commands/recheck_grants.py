"""`manage.py recheck_grants`: what Celery beat runs daily, by hand or for another day."""

from typing import Any

from portal.grants.management.dated import DatedCommand
from portal.grants.services import rechecking


class Command(DatedCommand):
    """Run the checks for a day and say what they found."""

    help = "Check again that what grants were approved on still holds."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        run = rechecking.recheck_grants(today=self.day(options))
        self.stdout.write(
            f"checked {run.done}, out of compliance {run.broken}, without an answer {run.unknown}"
        )
