"""`manage.py release`: make the signed releases that mail hosts pull."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from portal.enforcement.releasing import release
from portal.enforcement.signing import SigningKeyMissing
from portal.grants.management.dated import DatedCommand


class Command(DatedCommand):
    """Release every target that changed."""

    help = "Make a signed release of every target that changed, for mail hosts to pull."

    def add_arguments(self, parser: CommandParser) -> None:
        """The day, and whether a large change is meant."""
        super().add_arguments(parser)
        parser.add_argument(
            "--accept-change", action="store_true", help="even if more than 20 %% would change"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Release, and say what is there now; an error if a target was refused."""
        try:
            outcome = release(day=self.day(options), accept_change=options["accept_change"])
        except SigningKeyMissing as error:
            raise CommandError(str(error)) from error
        for row in outcome.released:
            self.stdout.write(
                f"released: {row.target} serial {row.serial}, {row.grants} grants, {row.entries} entries"
            )
        for key in outcome.unchanged:
            self.stdout.write(f"unchanged: {key}")
        if outcome.refused:
            raise CommandError("\n".join(str(error) for error in outcome.refused.values()))
