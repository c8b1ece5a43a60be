"""`manage.py request_campaign_results`: the daily job of Celery beat, run by hand or for another day."""

from typing import Any

from campaigns import post_approval
from portal.grants.management.dated import DatedCommand


class Command(DatedCommand):
    """Ask the owners of campaigns that are over for the results."""

    help = "Ask the owners of campaigns whose window is over for the results, once for each campaign."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        self.stdout.write(f"asked {post_approval.request_results(today=self.day(options))}")
