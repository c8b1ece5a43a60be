"""`manage.py import_signals FILE.csv`: what the platforms tell of approved campaigns; idempotent."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns import aftermath
from campaigns.signals import SignalsRefused, read_signals


class Command(BaseCommand):
    """Take in a file with the columns campaign, day, sent, complaints, hard_bounces."""

    help = "Import deliverability signals of campaigns. A bad line is named, and nothing is imported."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, keep, judge."""
        try:
            with options["file"].open(encoding="utf-8-sig", newline="") as file:
                rows = read_signals(file)
            count = aftermath.take_signals(rows=rows, actor=None)
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError("The file is not UTF-8 text.") from None
        except SignalsRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{len(rows)} rows of {count} campaigns")
