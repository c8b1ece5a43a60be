"""`manage.py release`: make the signed releases that mail hosts pull."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from portal.enforcement.management.held import tell_held
from portal.enforcement.releasing import release
from portal.enforcement.restoring import Findings, release_after_restore
from portal.enforcement.signing import SigningKeyMissing
from portal.grants.management.dated import DatedCommand


class Command(DatedCommand):
    """Release every target that changed."""

    help = "Make a signed release of every target that changed, for mail hosts to pull."

    def add_arguments(self, parser: CommandParser) -> None:
        """The day, whether held changes are correct, and whether a backup was restored."""
        super().add_arguments(parser)
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--accept-change",
            action="store_true",
            help="release what is held back too, and take the date as right",
        )
        group.add_argument(
            "--after-restore",
            action="store_true",
            help="begin a new epoch, so that hosts take releases with lower serials, and list what they hold",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Release and print the result; an error if a target was refused."""
        try:
            if options["after_restore"]:
                findings = release_after_restore()
                self._tell(findings)
                outcome = findings.outcome
            else:
                outcome = release(day=self.asked_day(options), accept_change=options["accept_change"])
        except SigningKeyMissing as error:
            raise CommandError(str(error)) from error
        for row in outcome.released:
            self.stdout.write(
                f"released: {row.target} serial {row.serial}, {row.grants} grants, {row.entries} entries"
            )
        for key in outcome.unchanged:
            self.stdout.write(f"unchanged: {key}")
        tell_held(self.stdout)
        if outcome.refused:
            raise CommandError("\n".join(str(error) for error in outcome.refused.values()))

    def _tell(self, findings: Findings) -> None:
        self.stdout.write(f"epoch: {findings.epoch}")
        for line in findings.forgotten:
            self.stdout.write(f"hosts hold, the database does not know, and this release takes out: {line}")
        for line in findings.revived:
            self.stdout.write(
                f"the database has, hosts hold no longer, and held until a person decides: {line}"
            )
        for line in findings.silent:
            self.stdout.write(f"has not reported since the restore, so what it holds is not compared: {line}")
