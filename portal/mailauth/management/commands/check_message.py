"""`manage.py check_message FILE [--resolver HOST:PORT] [--json]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from portal.mailauth.management.reporting import ReportCommand, refuse
from portal.mailauth.message_intake import LARGEST_BYTES, MessageRefused, refuse_size


class Command(ReportCommand):
    """Report whether a message in a file passes DMARC by DKIM, and why."""

    help = "Verify the DKIM signatures of an .eml file. Exit 0 when the check ran, 2 for bad input."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file and the common options."""
        parser.add_argument("file", metavar="FILE", type=Path)
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and print."""
        from portal.mailauth.as_json import message_as_json
        from portal.mailauth.as_text import message_as_text
        from portal.mailauth.message_report import check_message

        resolver = self.resolver(options["resolver"])
        try:
            report = check_message(_read(options["file"]), resolver=resolver)
        except MessageRefused as error:
            refuse(str(error))
        self.show(as_json=options["json"], data=message_as_json(report), text=lambda: message_as_text(report))


def _read(path: Path) -> bytes:
    """The file, unless it is too large; a pipe or a device has no size, so reading stops where a file would."""
    try:
        refuse_size(path.stat().st_size)
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except MessageRefused:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        refuse(f"The file {path} cannot be read: {reason}.")
