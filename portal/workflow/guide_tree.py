"""The whole guide: the branches of all kinds, and the answers of the core that need no form."""

from portal.institution import Institution, institution
from portal.workflow import registry
from portal.workflow.guide import Answer, Option, Question

ROOT = "start"


def nodes() -> dict[str, Question | Answer]:
    """Every node by its key; the first question is `ROOT`."""
    branches = [kind.guide() for kind in registry.kinds()]
    own = _own_nodes(institution())
    options = [option for branch in branches for option in branch.options]
    first = Question("What do you want to do?", (*options, *_OWN_OPTIONS))
    return {ROOT: first} | own | {key: node for branch in branches for key, node in branch.nodes.items()}


_OWN_OPTIONS = (
    Option("Send mail from my own computer or mail program", "workstation"),
    Option("Keep a sender’s mail away from my own junk folder", "own-inbox"),
    Option("Announce something to the whole campus", "announcement"),
    Option("Find people for a research study", "research"),
)


def _own_nodes(place: Institution) -> dict[str, Question | Answer]:
    return {
        "workstation": Answer(
            "Sign in to the mail server; no request is needed",
            (
                (
                    f"A program on a workstation sends through {place.authenticated_smtp_host}, port 587 with "
                    "STARTTLS, and signs in with your account by OAuth (also called modern authentication)."
                ),
                (
                    "A program that can only send a user name and password will stop working there; "
                    "update it, or ask for help."
                ),
            ),
            clause="WKS-1",
            link=place.it_help_url,
            link_label="How to set up a mail program",
        ),
        "own-inbox": Answer(
            "Add the sender to your own safe senders",
            ("Safe senders work at once, for you alone, and add no risk for others. No request is needed.",),
            clause="WHT-1",
            link=place.safe_senders_url,
            link_label="How to add a safe sender",
        ),
        "announcement": Answer(
            "Use the announcement service",
            ("News for the whole campus goes out through the announcement service, not by mass mail.",),
            clause="MKT-2",
            link=place.announcement_url,
            link_label="Open the announcement service",
        ),
        "research": Answer(
            "Mass mail to recruit for research is not permitted",
            (
                "Announce the study through the announcement service, with the number of its IRB approval.",
                f"If you are not sure, ask {place.it_name} before you send anything.",
            ),
            clause="MKT-5",
            link=place.announcement_url,
            link_label="Open the announcement service",
        ),
    }
