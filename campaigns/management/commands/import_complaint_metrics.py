"""`manage.py import_complaint_metrics FILE.csv`: metrics of approved campaigns from the platforms; idempotent."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns import post_approval
from campaigns.complaint_metrics import MetricsRefused, read_metrics


class Command(BaseCommand):
    """Import a CSV file with the columns campaign, day, sent, complaints, hard_bounces."""

    help = (
        "Import complaint metrics of campaigns from a CSV file with the columns campaign, day, sent, complaints and "
        "hard_bounces. If a line is wrong, it is named and nothing is imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file."""
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the file, save its rows, and judge the campaigns they are about."""
        try:
            with options["file"].open(encoding="utf-8-sig", newline="") as file:
                rows = read_metrics(file)
            count = post_approval.import_metrics(rows=rows, actor=None)
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError("The file is not UTF-8 text.") from None
        except MetricsRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{len(rows)} rows of {count} campaigns")
