"""The guide's questions that lead to the whitelist form, or away from it."""

from portal.institution import institution
from portal.workflow.guide import Answer, Branch, Option, Question
from whitelist.models import Affected


def guide() -> Branch:
    """Who misses the mail, whose address it comes from, and what follows."""
    place = institution()
    nodes: dict[str, Question | Answer] = {
        "whitelist": Question(
            "Who misses the vendor’s mail?",
            (
                Option(Affected.FEW.label, "own-inbox"),
                Option(Affected.GROUP.label, "whitelist-sender-group"),
                Option(Affected.MANY.label, "whitelist-sender-many"),
                Option(Affected.SYSTEM.label, "whitelist-sender-system"),
            ),
        ),
        "whitelist-shared": Answer(
            "Ask the vendor for an address of its own first",
            (
                (
                    "Anybody can send from a free-mail or a shared mailing address, so letting it in lets everybody "
                    "in. Such addresses are not whitelisted."
                ),
                "Ask the vendor to send from its own domain, with DKIM and DMARC. Often its mail then arrives by itself.",
            ),
            clause="WHT-5",
            link=place.safe_senders_url,
            link_label="How to add a safe sender",
        ),
    }
    for affected in (Affected.GROUP, Affected.MANY, Affected.SYSTEM):
        nodes[f"whitelist-sender-{affected.value}"] = Question(
            "Whose address does the mail come from?",
            (
                Option("The vendor’s own, used for us only", f"whitelist-form-{affected.value}"),
                Option("A free-mail address, or a mailing platform’s", "whitelist-shared"),
                Option(
                    "I do not know", f"whitelist-form-{affected.value}", "The form checks it as you type."
                ),
            ),
        )
        nodes[f"whitelist-form-{affected.value}"] = Answer(
            "Ask for a whitelist entry",
            (
                "You need the sender’s address, a message that was caught, and a colleague who stands for the vendor.",
                (
                    "An entry skips the content filter only, adds risk, and is for one year. "
                    f"{place.it_name} answers within three business days."
                ),
            ),
            clause="WHT-0",
            kind="whitelist",
            prefill=affected.value,
        )
    return Branch((Option("Stop a vendor’s mail from being caught as junk", "whitelist"),), nodes)
