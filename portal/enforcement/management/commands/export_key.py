"""`manage.py export_key`: the public key for mail hosts, or a fresh private one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.enforcement import signing


class Command(BaseCommand):
    """Print the public key, its id, or a new private key."""

    help = "Print the public key that mail hosts verify with; --new prints a fresh private key instead."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to print."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--new", action="store_true", help="a new private key, for EXPORT_SIGNING_KEY")
        group.add_argument("--id", action="store_true", help="the id alone: the key's file is ID.pem")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        if options["new"]:
            self.stdout.write(signing.new_private_key())
            return
        try:
            self.stdout.write(signing.key_id() if options["id"] else signing.public_pem().strip())
        except signing.SigningKeyMissing as error:
            raise CommandError(str(error)) from error
