"""`manage.py prove_senders`: judge the samples that wait, once."""

from typing import Any

from django.core.management.base import BaseCommand

from senders.proving import recheck_unproven


class Command(BaseCommand):
    """Judge samples again and bring into force what they prove."""

    help = "Judge the samples of authorizations that wait for proof; those proven come into force."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once."""
        count = recheck_unproven()
        self.stdout.write(f"{count} authorization{'' if count == 1 else 's'} came into force.")
