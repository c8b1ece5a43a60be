"""`manage.py verify_campaign REF FILE`: whether a message is the one that was approved, and what differs."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns import binding
from campaigns.messages.parsing import UnreadableMessage

DIFFERS = 1
"""The exit status where the message is another, or may not be sent today. Errors of use end with 2."""


class Command(BaseCommand):
    """Compare a file with the message of an approval."""

    help = (
        "Say whether FILE is the message that REF approves and may be sent today (exit 0), or not (exit 1)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The reference and the file."""
        parser.add_argument(
            "reference", metavar="REF", help="The reference of the permission, such as TM-C-1042."
        )
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="The message as an .eml file; - reads it here."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the verdict, the differences, and whether the permission is in force."""
        permission = binding.permission_of(options["reference"])
        if permission is None:
            raise CommandError(f"There is no campaign permission {options['reference']}.", returncode=2)
        try:
            comparison = binding.compare(permission, _read(options["file"]))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}", returncode=2) from None
        except UnreadableMessage as error:
            raise CommandError(str(error), returncode=2) from None
        grant = permission.grant
        if comparison.is_approved:
            self.stdout.write(f"This is the message that {grant.reference} approves.")
        else:
            self.stdout.write(f"This is not the message that {grant.reference} approves.")
        for difference in comparison.differences:
            self.stdout.write(f"  {difference}")
        self.stdout.write(f"SHA-256 of this message: {comparison.digest}")
        self.stdout.write(f"SHA-256 of the approval: {comparison.approved_digest}")
        self.stdout.write(binding.standing_sentence(grant))
        if not (comparison.is_approved and grant.is_in_force_today):
            sys.exit(DIFFERS)


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
