"""What `manage.py check_message` and `python -m portal.message_checks` share: options, input and output. No Django."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from portal.mailauth.message_intake import LARGEST_BYTES, MessageRefused, refuse_size
from portal.message_checks.findings import MailingFacts, MessageFinding, MessageOutcome, SignatureFacts

_PURPOSES: Final[Mapping[str, MailingFacts]] = {
    "commercial": MailingFacts(
        promotes=True, has_transactional=False, subject_reads_commercial=True, body_reads_commercial=True
    ),
    "transactional": MailingFacts(promotes=False, has_transactional=True),
    "other": MailingFacts(promotes=False, has_transactional=False),
}
"""The answers to the questions of 16 CFR 316.3 for each primary purpose."""
_ORDER: Final = tuple(map(MessageOutcome, ("fail", "unknown", "warn", "person", "pass")))


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the argument FILE."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="The message as an .eml file; - reads standard input."
    )


def add_fact_options(parser: Any) -> None:
    """Add the options for facts about the mailing to a parser or a group of options."""
    parser.add_argument("--own-domain", metavar="DOMAIN", help="The mail domain of the institution.")
    parser.add_argument(
        "--sending-domain",
        metavar="DOMAIN",
        action="append",
        default=[],
        help="A further domain that the platform may send as; may be repeated.",
    )
    parser.add_argument(
        "--purpose",
        choices=list(_PURPOSES),
        default="commercial",
        help="The primary purpose (16 CFR 316.3). Default: commercial, which has the strictest rules.",
    )
    parser.add_argument("--people", metavar="N", type=int, default=0, help="How many people get it.")
    parser.add_argument("--messages-each", metavar="N", type=int, help="How many messages each person gets.")
    parser.add_argument("--consent", action="store_true", help="The recipients agreed to get such mail.")
    parser.add_argument("--survey", action="store_true", help="It is a survey: check S-2 to S-10 as well.")
    parser.add_argument("--anonymous", action="store_true", help="The survey promises anonymity.")


def facts_from(
    options: Mapping[str, Any], *, own_domain: str = "", signatures: SignatureFacts | None = None
) -> MailingFacts:
    """Return the facts that the options state. `own_domain` is used without the option `--own-domain`."""
    return replace(
        _PURPOSES[options["purpose"]],
        own_domain=(options["own_domain"] or own_domain).lower(),
        sending_domains=frozenset(domain.lower() for domain in options["sending_domain"]),
        people=options["people"],
        messages_each=options["messages_each"],
        has_consent=options["consent"],
        is_survey=options["survey"],
        is_anonymous=options["anonymous"],
        signatures=signatures,
    )


def read_file(path: Path) -> bytes:
    """Return the octets of a file, or of standard input for `-`.

    Raises ValueError with one sentence if it cannot be read or is too large. A pipe or a device has no size, so at most
    one octet more than the limit is read.
    """
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(LARGEST_BYTES + 1)
        refuse_size(path.stat().st_size)
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except MessageRefused:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ValueError(f"The file {path} cannot be read: {reason}.") from None


def as_json(findings: Sequence[MessageFinding]) -> list[dict[str, str]]:
    """Return the findings as JSON objects with the keys `rule`, `clause`, `outcome`, `message` and `where`."""
    return [
        {
            "rule": finding.rule,
            "clause": finding.clause,
            "outcome": finding.outcome.value,
            "message": finding.message,
            "where": finding.where,
        }
        for finding in findings
    ]


def as_text(findings: Sequence[MessageFinding]) -> str:
    """Return the findings as text, one on each line, those that fail first."""
    ordered = sorted(findings, key=lambda finding: _ORDER.index(finding.outcome))
    lines = [
        f"    [{finding.outcome.value}] {finding.rule} ({finding.clause}): {finding.message}"
        for finding in ordered
    ]
    return "\n".join(["findings", *lines])
