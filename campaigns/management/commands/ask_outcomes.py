"""`manage.py ask_outcomes`: what Celery beat runs daily, by hand or for another day."""

from typing import Any

from campaigns import aftermath
from portal.grants.management.dated import DatedCommand


class Command(DatedCommand):
    """Ask the owners of campaigns that are over what came of them."""

    help = "Ask, once each, what came of the campaigns whose window is over."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        self.stdout.write(f"asked {aftermath.ask_outcomes(today=self.day(options))}")
