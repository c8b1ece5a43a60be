"""`manage.py check_message FILE [--campaign] [--resolver HOST:PORT] [--json]`."""

from typing import Any

from django.core.management.base import CommandParser

from portal.institution import institution
from portal.lib.confined import Busy
from portal.mailauth.as_json import message_as_json
from portal.mailauth.as_text import message_as_text
from portal.mailauth.management.reporting import ReportCommand, refuse
from portal.mailauth.message_report import check_message
from portal.message_checks import command_line
from portal.message_checks.checks import check_octets
from portal.message_checks.findings import SignatureFacts


class Command(ReportCommand):
    """Report whether a message in a file passes DMARC by DKIM and why; with `--campaign`, its findings as well."""

    help = (
        "Verify the DKIM signatures of an .eml file. With --campaign, check it also as a message to many people. Exit 0 "
        "when the check ran, 2 for bad input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file, the common options, and those of `--campaign`."""
        command_line.add_file(parser)
        super().add_arguments(parser)
        parser.add_argument(
            "--campaign",
            action="store_true",
            help="Check it also as a message to many: CAN-SPAM, one-click, bulk and survey rules.",
        )
        command_line.add_fact_options(parser.add_argument_group("facts for --campaign"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and print."""
        resolver = self.resolver(options["resolver"])
        findings = []
        try:
            raw = command_line.read_file(options["file"])
            report = check_message(raw, resolver=resolver)
            if options["campaign"]:
                facts = command_line.facts_from(
                    options, own_domain=institution().mail_domain, signatures=SignatureFacts.of(report)
                )
                findings = check_octets(raw, facts)
        except (ValueError, Busy) as error:  # MessageRefused and UnreadableMessage are ValueErrors.
            refuse(str(error))
        data, text = message_as_json(report), ""
        if options["campaign"]:
            data |= {"findings": command_line.as_json(findings)}
            text = f"\n{command_line.as_text(findings)}"
        self.show(as_json=options["json"], data=data, text=lambda: message_as_text(report) + text)
