"""The guide's questions that lead to the relay form, or away from it."""

from portal.institution import institution
from portal.workflow.guide import Answer, Branch, Option, Question
from relay.models import SystemKind


def guide() -> Branch:
    """Where the system is, what it is, and what follows."""
    place = institution()
    devices = [
        Option(kind.label, f"relay-{kind.value}") for kind in SystemKind if kind != SystemKind.WORKSTATION
    ]
    nodes: dict[str, Question | Answer] = {
        "relay": Question(
            f"Is the system on {place.network_name}?",
            (
                Option("Yes, it has a fixed address on campus", "relay-kind"),
                Option("No, a vendor or a cloud runs it", "relay-outside"),
                Option("I do not know", "relay-kind", "The form checks the address as you type it."),
            ),
        ),
        "relay-kind": Question(
            "What kind of system is it?", (*devices, Option(SystemKind.WORKSTATION.label, "workstation"))
        ),
        "relay-outside": Answer(
            "An outside system cannot relay",
            (
                "A service that a vendor runs sends by itself, as one of our addresses, once it is authorized.",
                "Ask for that authorization before anything is signed.",
            ),
            clause="REL-2",
            link=f"mailto:{place.contact_email}",
            link_label=f"Ask {place.it_name}",
            go_on="senders",
        ),
    }
    for kind in SystemKind:
        if kind != SystemKind.WORKSTATION:
            nodes[f"relay-{kind.value}"] = Answer(
                "Ask for SMTP relay",
                (
                    "You need its IP address, its host name and the address it sends as. It takes five minutes.",
                    f"A permission is for one system and one year. {place.it_name} answers within three business days.",
                    f"Once approved, it sends through {place.relay_host}, port {place.relay_port}, without signing in.",
                ),
                clause="REL-0",
                kind="relay",
                prefill=kind.value,
            )
    first = Option("Let a printer, server, web site or application send mail", "relay")
    return Branch((first,), nodes)
