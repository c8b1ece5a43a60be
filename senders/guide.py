"""The guide's questions that lead to the Intended Use form, or away from it."""

from portal.institution import institution
from portal.workflow.guide import Answer, Branch, Option, Question
from senders.models import Identity


def guide() -> Branch:
    """What people are to see in From, and what follows."""
    place = institution()
    nodes: dict[str, Question | Answer] = {
        "senders": Question(
            "Which address should people see in From?",
            (
                Option("The vendor’s own, and replies come to us", "senders-own"),
                Option(f"One of a subdomain, such as news@service.{place.mail_domain}", "senders-subdomain"),
                Option(f"One of @{place.mail_domain} itself", "senders-mail-domain"),
            ),
            "The first that will do is the best: the less a vendor may send as, the less can go wrong.",
        ),
        "senders-own": Answer(
            "No authorization is needed",
            (
                f"The vendor sends from its own domain and sets Reply-To to your @{place.mail_domain} address.",
                "Make sure that its mail passes DMARC, or it will be caught as junk.",
            ),
            clause="AUT-0",
            link=place.standards_url,
            link_label="Read the standards",
        ),
    }
    for key, identity in (("subdomain", Identity.SUBDOMAIN), ("mail-domain", Identity.MAIL_DOMAIN)):
        nodes[f"senders-{key}"] = Answer(
            "Ask for an Intended Use of Technology review",
            (
                (
                    "Ask before any agreement is signed. You need the vendor’s DKIM records, a colleague who stands "
                    "for the vendor, and the dates of the contract."
                ),
                (
                    "An approval comes into force once a message of the service with a valid, aligned DKIM "
                    "signature was seen. It ends with the contract."
                ),
            ),
            clause="AUT-2",
            kind="senders",
            prefill=identity.value,
        )
    option = Option(f"Let a vendor’s service send as @{place.mail_domain}", "senders")
    return Branch((option,), nodes)
