"""`manage.py reassign_unowned`: run the daily job now, or as if it were another day."""

from typing import Any

from portal.grants.management.dated import DatedCommand
from portal.ownership import services


class Command(DatedCommand):
    """Run the service for a day and print how many searches changed."""

    help = "Find new owners for permissions whose owner is gone."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        self.stdout.write(f"moved {services.reassign_unowned(today=self.day(options))}")
