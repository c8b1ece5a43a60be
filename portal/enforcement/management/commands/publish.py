"""`manage.py publish --to DIR`: write what is in force for the mail system."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from portal.enforcement.management.held import tell_held
from portal.enforcement.services import publish
from portal.enforcement.targets import LintError
from portal.grants.management.dated import DatedCommand


class Command(DatedCommand):
    """Publish to a folder."""

    help = "Write the mail system's maps and the manifest for the permissions in force."

    def add_arguments(self, parser: CommandParser) -> None:
        """The folder, and whether a large change is correct."""
        super().add_arguments(parser)
        parser.add_argument("--to", required=True, type=Path, metavar="DIR")
        parser.add_argument(
            "--accept-change",
            action="store_true",
            help="release what is held back too, and take the date as right",
        )
        parser.add_argument("--install-path", metavar="DIR", help="where the mail host will hold the files")

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish and print the result."""
        try:
            done = publish(
                folder=options["to"].absolute(),
                accept_change=options["accept_change"],
                day=self.asked_day(options),
                install_path=options["install_path"],
            )
        except (LintError, OSError) as error:
            raise CommandError(str(error)) from error
        tell_held(self.stdout)
        state = "published" if done.is_new else "unchanged"
        self.stdout.write(f"{state}: serial {done.serial}, {done.grants} grants, {done.entries} entries")
