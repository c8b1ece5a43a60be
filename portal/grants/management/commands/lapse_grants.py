"""`manage.py lapse_grants`: run the daily job now, or as if it were another day."""

from typing import Any

from portal.grants.management.dated import DatedCommand
from portal.grants.services import dates


class Command(DatedCommand):
    """Run the service for a day and say how many grants it touched."""

    help = "Mark the permissions whose last day has passed as lapsed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        count = dates.lapse_grants(today=self.day(options))
        self.stdout.write(f"lapsed {count}")
