"""`manage.py verify_campaign REF FILE`: whether a message is the approved one and may be sent now, and if not, why."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns import binding, selectors
from campaigns.models import CampaignPermission
from campaigns.standing import CampaignStanding, StandingCode
from portal.message_checks.parsing import UnreadableMessage

DIFFERS = 1
"""The exit status for another message. Bad input ends with 2."""
STATUS = {
    StandingCode.MAY_SEND: 0,
    StandingCode.BEFORE_WINDOW: 3,
    StandingCode.AFTER_WINDOW: 4,
    StandingCode.ENDED: 4,
    StandingCode.SUSPENDED: 5,
    StandingCode.OVER_LIMIT: 5,
    StandingCode.REVOKED: 6,
    StandingCode.NO_SENDER: 7,
    StandingCode.UNKNOWN: 8,
}
"""The exit status of the approved message, by the standing of its campaign."""


class Command(BaseCommand):
    """Compare a file with the approved message of a campaign, and say whether it may be sent now."""

    help = (
        "Say whether FILE is the message that REF approves and may be sent now. Exit status: 0 it may be sent; "
        "1 it is another message; 2 the reference or the file is wrong; and of the approved message: 3 before its "
        "window, 4 after it or ended, 5 suspended or over its stop limit, 6 revoked, 7 its sender authorization is "
        "not in force, 8 unknown."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the reference, the file and the output format."""
        parser.add_argument(
            "reference", metavar="REF", help="The reference of the permission, such as TM-C-1042."
        )
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="The message as an .eml file; - reads it here."
        )
        parser.add_argument("--json", action="store_true", help="Answer as one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print whether it is the approved message, the differences, and whether it may be sent now."""
        permission = binding.permission_of(options["reference"])
        if permission is None:
            raise CommandError(f"There is no campaign permission {options['reference']}.", returncode=2)
        try:
            comparison = binding.compare(permission, _read(options["file"]))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error}", returncode=2) from None
        except UnreadableMessage as error:
            raise CommandError(str(error), returncode=2) from None
        standing = selectors.standing(permission)
        if options["json"]:
            self.stdout.write(
                json.dumps(_facts(permission, comparison, standing), ensure_ascii=False, indent=2)
            )
        else:
            self._tell(permission.grant.reference, comparison, standing)
        if status := STATUS[standing.code] if comparison.is_approved else DIFFERS:
            sys.exit(status)

    def _tell(self, reference: str, comparison: binding.Comparison, standing: CampaignStanding) -> None:
        if comparison.is_approved:
            self.stdout.write(f"This is the message that {reference} approves.")
        else:
            self.stdout.write(f"This is not the message that {reference} approves.")
        for difference in comparison.differences:
            self.stdout.write(f"  {difference}")
        self.stdout.write(f"SHA-256 of this message: {comparison.digest}")
        self.stdout.write(f"SHA-256 of the approval: {comparison.approved_digest}")
        self.stdout.write(standing.sentence)


def _facts(
    permission: CampaignPermission, comparison: binding.Comparison, standing: CampaignStanding
) -> dict[str, Any]:
    grant, sender = permission.grant, permission.sender_grant
    return {
        "reference": grant.reference,
        "may_send": comparison.is_approved and standing.may_send,
        "is_approved_message": comparison.is_approved,
        "differences": list(comparison.differences),
        "sha256": comparison.digest,
        "approved_sha256": comparison.approved_digest,
        "standing": str(standing.code),
        "sentence": standing.sentence,
        "since": standing.since.isoformat() if standing.since else None,
        "state": grant.state,
        "window": {"starts_on": grant.starts_on.isoformat(), "ends_on": grant.ends_on.isoformat()},
        "sender_authorization": {"reference": sender.reference, "state": sender.state} if sender else None,
    }


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
