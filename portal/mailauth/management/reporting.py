"""What the two commands share: the resolver option, the JSON option, and the way bad input ends."""

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.mailauth.resolver import Resolver
from portal.mailauth.servers import ServerRefused, parse_servers

BAD_INPUT = 2


class OneLineParser(CommandParser):
    """A parser whose complaints are one line on stderr, without the usage text."""

    def error(self, message: str) -> NoReturn:
        """End with status 2, or raise for callers that are no command line (`call_command`)."""
        if self.called_from_command_line:
            self.exit(BAD_INPUT, f"{self.prog}: {message}\n")
        raise CommandError(f"Error: {message}", returncode=BAD_INPUT)


class ReportCommand(BaseCommand):
    """A command that prints one report; exit status 0 when the check ran, whatever it found."""

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The parser, with short complaints."""
        parser = OneLineParser(
            prog=f"{prog_name.rpartition('/')[2]} {subcommand}",
            description=self.help or None,
            called_from_command_line=getattr(self, "_called_from_command_line", False),
            **kwargs,
        )
        self.add_base_argument(parser, "--settings", help="The settings module.")
        self.add_base_argument(parser, "--pythonpath", help="A folder to add to the module path.")
        self.add_base_argument(parser, "--traceback", action="store_true", help="Show the stack of an error.")
        self.add_base_argument(parser, "--no-color", action="store_true", help="No colors.")
        self.add_base_argument(parser, "--force-color", action="store_true", help="Colors always.")
        parser.set_defaults(verbosity=1, skip_checks=True)
        self.add_arguments(parser)
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """The options that both commands have."""
        parser.add_argument(
            "--resolver", metavar="HOST:PORT", help="Name server to ask (default: DNS_RESOLVER)."
        )
        parser.add_argument(
            "--json", action="store_true", help="Print the report as JSON (docs/mailauth.md)."
        )

    def resolver(self, option: str | None) -> Resolver:
        """The resolver from the option, else from the settings, else the system's."""
        try:
            servers = parse_servers(option if option is not None else getattr(settings, "DNS_RESOLVER", ""))
        except ServerRefused as error:
            refuse(str(error))
        if not servers:
            refuse("No name server is configured. Name one with --resolver HOST:PORT.")
        return Resolver(servers, deadline_seconds=float(getattr(settings, "DNS_DEADLINE_SECONDS", 3.0)))

    def show(self, *, as_json: bool, data: dict[str, Any], text: Callable[[], str]) -> None:
        """Print the report."""
        self.stdout.write(json.dumps(data, indent=2, ensure_ascii=not _speaks_utf8()) if as_json else text())


def refuse(sentence: str) -> NoReturn:
    """End for bad input: one line on stderr, status 2."""
    raise CommandError(" ".join(sentence.split()), returncode=BAD_INPUT)


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
