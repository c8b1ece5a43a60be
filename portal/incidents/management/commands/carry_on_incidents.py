"""`manage.py carry_on_incidents`: run the job that otherwise runs each minute."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.incidents import services


class Command(BaseCommand):
    """Suspend what open incidents still wait for, and say how many permissions were handled."""

    help = "Go on suspending the permissions that incidents are about."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the time limit."""
        parser.add_argument("--seconds", type=float, default=3600.0, help="stop after so many seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        self.stdout.write(f"handled {services.carry_on(seconds=options['seconds'])}")
