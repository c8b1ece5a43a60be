"""`manage.py check_message FILE [--resolver HOST:PORT] [--json]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from portal.mailauth.management.reporting import ReportCommand, refuse
from portal.mailauth.message_intake import LARGEST_BYTES, MessageRefused


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

        raw = _read(options["file"])
        resolver = self.resolver(options["resolver"])
        try:
            report = check_message(raw, resolver=resolver)
        except MessageRefused as error:
            refuse(str(error))
        self.show(as_json=options["json"], data=message_as_json(report), text=lambda: message_as_text(report))


def _read(path: Path) -> bytes:
    """The file, at most one byte more than is evaluated: the rest of a huge one never enters memory."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        refuse(f"The file {path} cannot be read: {reason}.")
    return raw
