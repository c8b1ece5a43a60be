"""`manage.py check_domain DOMAIN [--selector S]... [--resolver HOST:PORT] [--json]`."""

from typing import Any

from django.core.management.base import CommandParser

from portal.mailauth.as_json import domain_as_json
from portal.mailauth.as_text import domain_as_text
from portal.mailauth.domain_report import check_domain
from portal.mailauth.management.reporting import ReportCommand, refuse
from portal.mailauth.names import DomainRefused, SelectorRefused, parse_domain, parse_selector


class Command(ReportCommand):
    """Report what the DNS says about mail from a domain: DMARC, SPF, DKIM selectors, MX."""

    help = "Report DMARC, SPF, DKIM selectors and MX of a domain. Exit 0 when the check ran, 2 for bad input."

    def add_arguments(self, parser: CommandParser) -> None:
        """The domain, any number of selectors, and the common options."""
        parser.add_argument("domain", metavar="DOMAIN")
        parser.add_argument("--selector", action="append", default=[], metavar="S", help="A DKIM selector.")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check and print."""
        try:
            domain = parse_domain(options["domain"])
            selectors = [parse_selector(text) for text in options["selector"]]
        except (DomainRefused, SelectorRefused) as error:
            refuse(str(error))
        report = check_domain(domain, selectors=selectors, resolver=self.resolver(options["resolver"]))
        self.show(as_json=options["json"], data=domain_as_json(report), text=lambda: domain_as_text(report))
