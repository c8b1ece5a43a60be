"""`manage.py import_directory FILE.csv`: make the table of valid addresses equal to a file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.directory import ImportRefused, import_directory


class Command(BaseCommand):
    """Import a CSV file with the columns address, kind, name, department, head."""

    help = "Make the directory of valid addresses equal to a CSV file (address,kind,name,department,head)."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--accept-change", action="store_true", help="even if more than half would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and say what changed; CommandError names the line that is wrong."""
        try:
            with options["file"].open(encoding="utf-8-sig", newline="") as file:
                report = import_directory(file=file, accept_change=options["accept_change"])
        except (OSError, UnicodeDecodeError, ImportRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"added {report.added}, changed {report.changed}, gone {report.gone}, same {report.same}"
        )
