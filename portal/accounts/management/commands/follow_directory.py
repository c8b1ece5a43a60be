"""`manage.py follow_directory`: note who is gone from a directory other than our own table, or is back."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.accounts import presence


class Command(BaseCommand):
    """What beat does hourly."""

    help = "Note which people the directory (LDAP, Graph) has no more, or has again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many changed."""
        self.stdout.write(f"changed {presence.follow_directory()}")
