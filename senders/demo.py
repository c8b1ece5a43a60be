"""The authorization of the demonstration."""

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from portal.accounts.models import User
from portal.institution import institution
from portal.workflow.demo import DemoRequest


def demo_requests(people: Mapping[str, User]) -> list[DemoRequest]:
    """A vendor's service on a subdomain, in review; nothing is published yet, so its evidence says so."""
    today, domain = timezone.localdate(), f"observatory.{institution().mail_domain}"
    return [
        DemoRequest(
            {
                "service_name": "StarNight Tickets",
                "vendor": "StarNight Inc.",
                "service_model": "third_party",
                "agreement": "drafting",
                "agreement_number": "PO 4711",
                "sponsor": people["colleague"].email,
                "contract_starts_on": today.isoformat(),
                "contract_ends_on": (today + timedelta(days=400)).isoformat(),
                "identity": "subdomain",
                "sending_domain": domain,
                "addresses": [f"tickets@{domain}"],
                "envelope_domain": "bounce.starnight.example",
                "signing_domain": domain,
                "keys": ["s1 s1.dkim.starnight.example"],
                "classification": "public",
                "is_attested": "on",
                "exit_plan": "The owner tells the DNS team on the contract's last day.",
                "department": people["requester"].department,
                "co_owner": people["colleague"].email,
                "purpose": "Visitors of the observatory get their tickets by mail.",
            }
        )
    ]
