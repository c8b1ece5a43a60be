"""The base class of commands that run for a day, by default today."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.lib.dates import parse_day
from portal.lib.trusted_day import trusted_day


class DatedCommand(BaseCommand):
    """A command with `--today YYYY-MM-DD`."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the day to act for."""
        parser.add_argument("--today", metavar="YYYY-MM-DD", help="act as if it were this day")

    def day(self, options: dict[str, Any]) -> date:
        """The day asked for, or the one for which scheduled jobs act; CommandError for no day."""
        return self.asked_day(options) or trusted_day()

    def asked_day(self, options: dict[str, Any]) -> date | None:
        """The day asked for, if one was; CommandError for no day."""
        text = options["today"]
        if not text:
            return None
        try:
            return parse_day(text)
        except ValueError:
            raise CommandError("--today takes a day such as 2027-08-22.") from None
