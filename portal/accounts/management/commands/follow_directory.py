"""`manage.py follow_directory`: record which people left a directory other than our own table, or are back."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.accounts import presence


class Command(BaseCommand):
    """Run the hourly job now."""

    help = "Record which people are no longer in the directory (LDAP, Graph), or are in it again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many changed."""
        self.stdout.write(f"changed {presence.follow_directory()}")
