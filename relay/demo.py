"""The relay requests of the demonstration, with Texas Tech's networks; other institutions see none of them."""

from collections.abc import Mapping, Sequence

from portal.accounts.models import User
from portal.institution import institution
from portal.lib.networks import parse_network
from portal.workflow.demo import DemoRequest, Standing

ADDRESSES = ("129.118.10.20", "129.118.10.41", "129.118.22.7", "129.118.30.11")


def demo_requests(people: Mapping[str, User]) -> list[DemoRequest]:
    """A permission about to end, one in force, a request in review, one with a question, and a draft."""
    if not all(_is_on_campus(address) for address in ADDRESSES):
        return []
    domain = institution().mail_domain

    def answers(address: str, host: str, sender: str, **more: str) -> dict[str, str | Sequence[str]]:
        return {
            "system_kind": "copier",
            "capability": "neither",
            "addresses": [address],
            "hostname": f"{host}.{domain}",
            "senders": [f"{sender}@{domain}"],
            "recipients": "internal",
            "typical_per_day": "40",
            "peak_per_hour": "15",
            "recipients_per_message": "1",
            "contents": "public",
            "tls": "yes",
            "department": people["requester"].department,
            "co_owner": people["colleague"].email,
            "functional_mailbox": f"{sender}@{domain}",
            "after_hours_contact": "Riley Ortega, 555 0100",
            "is_attested": "on",
            "purpose": "The copier mails a scan to the person who scanned it.",
        } | more

    return [
        DemoRequest(
            answers(ADDRESSES[0], "copier-7", "physics-copier"),
            Standing.APPROVED,
            days_left=12,
            reason="The copier cannot sign in, and its address is fixed.",
        ),
        DemoRequest(
            answers(
                ADDRESSES[1],
                "plasma-lab",
                "noreply-lab",
                system_kind="application",
                purpose="The laboratory's booking system tells people when their slot begins.",
            ),
            Standing.APPROVED,
            reason="Sends to our own people alone, a few dozen messages a day.",
        ),
        DemoRequest(
            answers(
                ADDRESSES[2],
                "alerts-2",
                "alerts",
                system_kind="appliance",
                purpose="The cooling plant reports a failure to the people on duty.",
            ),
        ),
        DemoRequest(
            answers(
                ADDRESSES[3],
                "print-3",
                "printing",
                system_kind="printer",
                purpose="The printer tells its owner that paper or toner runs out.",
            ),
            Standing.ASKED,
            question=("hostname", "The host name is not in the DNS yet. Who will add it, and when?"),
        ),
        DemoRequest(
            answers(ADDRESSES[0], "web-9", "noreply-lab", system_kind="web_site"),
            Standing.DRAFT,
            unanswered=frozenset({"network", "senders", "mail", "people", "statement"}),
        ),
    ]


def _is_on_campus(address: str) -> bool:
    network = parse_network(address)
    return any(network.network_address in campus for campus in institution().campus_networks)
