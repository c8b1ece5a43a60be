"""`manage.py check_dns_records`: run the daily job now, or as if it were another day."""

from typing import Any

from portal.grants.management.dated import DatedCommand
from senders import watching


class Command(DatedCommand):
    """Look every planned DNS record up and say what was found."""

    help = "Look up what the zones hold of the records of authorized senders; raise and clear alarms; remind the DNS team."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        looked = watching.check_dns_records(today=self.day(options))
        self.stdout.write(
            f"looked up {looked.records} records of {looked.permissions} permissions, without an answer "
            f"{looked.unanswered}, new alarms {looked.alarms}, gone {looked.gone}, reminded of {looked.reminded}, "
            f"left for the next run {looked.left}"
        )
