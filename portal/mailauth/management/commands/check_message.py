"""`manage.py check_message FILE [--resolver HOST:PORT] [--json]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from portal.lib.confined import Busy
from portal.mailauth.management import message_checks
from portal.mailauth.management.reporting import ReportCommand, refuse
from portal.mailauth.message_intake import LARGEST_BYTES, MessageRefused, refuse_size


class Command(ReportCommand):
    """Report whether a message in a file passes DMARC by DKIM, and why."""

    help = "Verify the DKIM signatures of an .eml file. Exit 0 when the check ran, 2 for bad input."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file and the common options."""
        parser.add_argument("file", metavar="FILE", type=Path)
        for check in message_checks.MESSAGE_CHECKS:
            parser.add_argument(f"--{check.option}", action="store_true", help=check.help)
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and print."""
        from portal.mailauth.as_json import message_as_json
        from portal.mailauth.as_text import message_as_text
        from portal.mailauth.message_report import check_message

        resolver = self.resolver(options["resolver"])
        wanted = [check for check in message_checks.MESSAGE_CHECKS if options.get(check.option)]
        try:
            raw = _read(options["file"])
            report = check_message(raw, resolver=resolver)
            findings = [finding for check in wanted for finding in check.find(raw, report)]
        except (ValueError, Busy) as error:  # MessageRefused is a ValueError
            refuse(str(error))
        data = message_as_json(report) | ({"findings": findings} if wanted else {})
        more = f"\n{message_checks.as_text(findings)}" if wanted else ""
        self.show(as_json=options["json"], data=data, text=lambda: message_as_text(report) + more)


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
