"""`manage.py policy_service --listen HOST:PORT --milter HOST:PORT`: answer Postfix until SIGTERM."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.configuration import ConfigurationError
from portal.policy_service.client import Limits
from portal.policy_service.running import Plan, parse_place, serve


class Command(BaseCommand):
    """Run the policy service."""

    help = "Answer Postfix's policy requests from the permissions in force (docs/policy-service.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and the bounds."""
        parser.add_argument("--listen", required=True, metavar="HOST:PORT|unix:PATH")
        parser.add_argument(
            "--milter",
            default="",
            metavar="HOST:PORT|unix:PATH",
            help="also speak the milter protocol there: From, X-TechMail-Grant, gated lists",
        )
        parser.add_argument("--socket-mode", default="660", help="mode of a unix socket, octal")
        parser.add_argument("--max-connections", type=int, default=Limits.connections)
        parser.add_argument("--idle-seconds", type=float, default=Limits.idle)
        parser.add_argument("--request-seconds", type=float, default=Limits.request)
        parser.add_argument("--batch-seconds", type=float, default=5.0, help="between two writings of counts")
        parser.add_argument(
            "--max-age-seconds",
            type=float,
            default=60.0,
            help="how long to answer while the database does not; then connections are closed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        try:
            place, mode = parse_place(options["listen"]), int(options["socket_mode"], 8)
            milter = parse_place(options["milter"], "--milter") if options["milter"] else None
        except (ConfigurationError, ValueError) as error:
            raise CommandError(str(error)) from error
        plan = Plan(
            place=place,
            milter=milter,
            limits=Limits(options["max_connections"], options["request_seconds"], options["idle_seconds"]),
            batch_seconds=options["batch_seconds"],
            max_age=options["max_age_seconds"],
            socket_mode=mode,
        )
        try:
            asyncio.run(serve(plan))
        except OSError as error:
            raise CommandError(
                f"The policy service cannot listen on {place}{f' and {milter}' if milter else ''}: {error.strerror or error}"
            ) from error
