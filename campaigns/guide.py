"""The questions of the guide that lead to the campaign form, or away from it."""

from campaigns.models import CampaignKind
from portal.institution import institution
from portal.workflow.guide import Answer, Branch, Option, Question


def guide() -> Branch:
    """Return the questions about the kind of mail and research, and where each answer leads."""
    place = institution()
    nodes: dict[str, Question | Answer] = {
        "campaign": Question(
            "What do you want to send?",
            (
                Option("A survey of our faculty, staff or students", "campaign-survey"),
                Option("A survey of people outside", "campaign-external-survey"),
                Option("Marketing or news to people outside", "campaign-form-marketing"),
                Option("A notice to many of our own people", "campaign-notice"),
            ),
        ),
        "campaign-survey": _study("survey"),
        "campaign-external-survey": _study("external_survey"),
        "campaign-notice": Question(
            "Who gets it?",
            (
                Option("The whole campus", "announcement"),
                Option("A part of it, such as one college or all new students", "campaign-form-notice"),
            ),
        ),
    }
    nodes |= {f"campaign-form-{kind.value}": _form(kind) for kind in CampaignKind}
    option = Option(
        "Send a survey, a campaign or a notice to many people",
        "campaign",
        f"The {place.cio_office} approves the exact message.",
    )
    return Branch((option,), nodes)


def _study(kind: str) -> Question:
    return Question(
        "Does it recruit people for a research study?",
        (
            Option("Yes, it recruits for research", "research"),
            Option("No, we want the answers", f"campaign-form-{kind}"),
        ),
    )


def _form(kind: CampaignKind) -> Answer:
    place = institution()
    survey = kind in (CampaignKind.SURVEY, CampaignKind.EXTERNAL_SURVEY)
    need = "the message as an .eml file, how many people get it, and the days of sending"
    if survey:
        need += ", and the determination of the Institutional Review Board"
    return Answer(
        "Request approval of a survey" if survey else "Request approval of a campaign",
        (
            f"You need {need}.",
            (
                f"File it {place.campaign_lead_days} business days before the first message. The approval is for "
                "exactly that message, those people and those days."
            ),
        ),
        clause="MKT-5" if kind == CampaignKind.SURVEY else "MKT-4",
        kind="campaign",
        prefill=kind.value,
    )
