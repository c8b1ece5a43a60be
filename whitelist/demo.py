"""The whitelist request of the demonstration."""

from collections.abc import Mapping

from django.utils import timezone

from portal.accounts.models import User
from portal.workflow.demo import DemoRequest


def demo_requests(people: Mapping[str, User]) -> list[DemoRequest]:
    """A vendor's address, in review; its domain is in no DNS, so its evidence says so."""
    return [
        DemoRequest(
            {
                "addresses": ["notices@labshop.example"],
                "affected": "group",
                "affected_count": "240",
                "affected_who": "students of PHYS 1408",
                "safelist_reason": "They change every term, and miss the first orders.",
                "observed_on": timezone.localdate().isoformat(),
                "observed_recipient": people["colleague"].email,
                "observed_verdict": "junk",
                "vendor": "Lab Shop Inc.",
                "relationship": "It sells the lab kits.",
                "sponsor": people["colleague"].email,
                "evidence": "Contract 2026-114",
                "is_controlled": "on",
                "is_dedicated": "on",
                "is_hosted_controlled": "on",
                "is_attested": "on",
                "department": people["requester"].department,
                "purpose": "Confirmations of orders reach the students who placed them.",
            }
        )
    ]
