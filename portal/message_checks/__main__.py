"""`python -m portal.message_checks FILE [--json] [--resolver HOST:PORT] [...]`: check a message without Django or settings.

Exit status: 0 if the check ran, whatever it found; 2 for bad input, with one line on standard error.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from portal.lib.confined import Busy
from portal.mailauth.message_report import check_message
from portal.mailauth.resolver import Resolver
from portal.mailauth.servers import ServerRefused, parse_servers
from portal.message_checks import command_line
from portal.message_checks.checks import check_octets
from portal.message_checks.findings import SignatureFacts

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one file, print its findings, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m portal.message_checks",
        description="Check a message to many people: CAN-SPAM, one-click unsubscribe, bulk sending, surveys, quality.",
    )
    command_line.add_file(parser)
    command_line.add_fact_options(parser)
    parser.add_argument(
        "--resolver", metavar="HOST:PORT", help="Name server for verifying the DKIM signatures."
    )
    parser.add_argument("--json", action="store_true", help="Print the findings as a JSON array.")
    options = vars(parser.parse_args(arguments))
    try:
        raw = command_line.read_file(options["file"])
        signatures = _verified(raw, options["resolver"]) if options["resolver"] else None
        findings = check_octets(raw, command_line.facts_from(options, signatures=signatures))
    except (
        ValueError,
        Busy,
    ) as error:  # UnreadableMessage, MessageRefused and ServerRefused are ValueErrors.
        print(" ".join(str(error).split()), file=sys.stderr)
        return BAD_INPUT
    if options["json"]:
        print(json.dumps(command_line.as_json(findings), indent=2))
    else:
        print(command_line.as_text(findings))
    return 0


def _verified(raw: bytes, resolver: str) -> SignatureFacts:
    servers = parse_servers(resolver)
    if not servers:
        raise ServerRefused("Name the name server as HOST:PORT.")
    return SignatureFacts.of(check_message(raw, resolver=Resolver(servers, deadline_seconds=3.0)))


if __name__ == "__main__":
    sys.exit(main())
