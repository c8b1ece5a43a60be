"""`manage.py check_hosts`: check which mail hosts are late, silent or edited locally."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.enforcement.hosts import HELD, SENTENCES, check_hosts
from portal.enforcement.management.held import tell_held


class Command(BaseCommand):
    """Check every mail host, and notify IT once of each new problem."""

    help = "Judge every mail host that has a token; trouble that is new is told to IT by mail, once."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many hosts are in which state."""
        counts = check_hosts()
        self.stdout.write(f"in order: {counts.pop('', 0)}")
        for trouble, count in sorted(counts.items()):
            self.stdout.write(f"{trouble}: {count}. {SENTENCES.get(trouble, HELD)}")
        tell_held(self.stdout)
