"""The answers of a campaign request as people read them, grouped by page."""

from collections.abc import Sequence

from campaigns import services
from campaigns.models import CampaignMessage, CampaignRequest
from portal.institution import institution
from portal.workflow.kinds import Answer, AnswerGroup, Step
from portal.workflow.models import ServiceRequest

_REQUIRED = frozenset(
    {
        "kind",
        "runner",
        "promotes",
        "sender_of_record",
        "from",
        "platform",
        "audience",
        "audience_source",
        "consent",
        "message",
        "window",
        "messages_each",
        "hourly_rate",
        "stopper",
        "limits",
        "department",
        "purpose",
        "co_owner",
        "functional_mailbox",
        "is_attested",
    }
)
"""Shown though they are empty; the others are left out then."""


def answer_groups(service_request: ServiceRequest, steps: Sequence[Step]) -> list[AnswerGroup]:
    """One group for each page; optional answers that were not given are left out."""
    detail, sr = services.detail_of(service_request), service_request
    groups = {
        "sort": [
            Answer("kind", "What it is", detail.get_kind_display()),
            Answer("runner", "Who sends it", detail.get_runner_display()),
            Answer("vendor", "Third party", detail.vendor),
        ],
        "content": _content(detail),
        "sender": [
            Answer("sender_of_record", "Unit that stands for it", detail.sender_of_record),
            Answer("from", "From", from_of(detail), is_code=True),
            Answer("platform", "Platform", detail.get_platform_display()),
            Answer("sender_grant", "Sender authorization", str(detail.sender_grant or "")),
        ],
        "audience": [
            Answer("audience", "Who gets it", "\n".join(audience_lines(services.audience_of(sr)))),
            Answer("audience_source", "Source of the list", detail.audience_source),
            Answer("consent", "Why they may be written to", detail.get_consent_display()),
            Answer("is_list_clean", "List neither bought nor harvested", _stated(detail.is_list_clean)),
        ],
        "message": _message(detail.message),
        "window": _window(detail),
        "survey": _survey(detail),
        "stop": [
            Answer("stopper", "Can stop it at any hour", _person_line(detail)),
            Answer("limits", "Stops at", _limits(detail)),
        ],
        "people": [
            Answer("department", "Department", sr.department),
            Answer("purpose", "Purpose", sr.purpose),
            Answer("co_owner", "Co-owner", str(sr.co_owner or "")),
            Answer("functional_mailbox", "Mailbox for notices", sr.functional_mailbox, is_code=True),
        ],
        "statement": [Answer("is_attested", "Statement", _stated(detail.is_attested))],
    }
    return [
        AnswerGroup(step.key, step.title, [a for a in groups[step.key] if a.value or a.field in _REQUIRED])
        for step in steps
    ]


def from_of(detail: CampaignRequest) -> str:
    """From as it reads."""
    return f"{detail.from_name} <{detail.from_address}>" if detail.from_address else ""


def audience_lines(people: dict[str, int]) -> list[str]:
    """The populations with their numbers, in the institution's order."""
    known = {entry.key: entry.label for entry in institution().populations}
    ordered = sorted(people, key=lambda key: (list(known).index(key) if key in known else len(known), key))
    return [f"{known.get(key, key)}: {people[key]:,}" for key in ordered]


def _stated(value: bool) -> str:
    return "Stated by the requester" if value else ""


def _yes_no(value: bool | None) -> str:
    return {True: "Yes", False: "No"}.get(value, "") if value is not None else ""


def _content(detail: CampaignRequest) -> list[Answer]:
    return [
        Answer("promotes", "Promotes something", _yes_no(detail.promotes)),
        Answer("has_transactional", "Carries what readers need", _yes_no(detail.has_transactional)),
        Answer(
            "subject_reads_commercial",
            "Subject reads like advertising",
            _yes_no(detail.subject_reads_commercial),
        ),
        Answer("transactional_first", "What readers need comes first", _yes_no(detail.transactional_first)),
        Answer("body_reads_commercial", "Mostly advertising", _yes_no(detail.body_reads_commercial)),
    ]


def _message(message: CampaignMessage | None) -> list[Answer]:
    if message is None:
        return [Answer("message", "Message", "")]
    name = message.file_name or f"“{message.subject}”, as subject and text"
    return [
        Answer("message", "Message", name),
        Answer("canonical_sha256", "SHA-256 of the message", message.canonical_sha256, is_code=True),
    ]


def _window(detail: CampaignRequest) -> list[Answer]:
    from campaigns.calendar_rules import detail_window
    from portal.sending_calendar.words import words_of

    window = detail_window(detail)
    return [
        Answer("window", "Days of sending", words_of(window) if window else ""),
        Answer("messages_each", "Messages to each person", str(detail.messages_each or "")),
        Answer(
            "hourly_rate",
            "Messages an hour, at most",
            f"{detail.hourly_rate:,}" if detail.hourly_rate else "",
        ),
    ]


def _survey(detail: CampaignRequest) -> list[Answer]:
    until = detail.irb_expires_on
    return [
        Answer("survey_minutes", "Minutes", str(detail.survey_minutes or "")),
        Answer("anonymity", "Who finds out who answered", detail.get_anonymity_display()),
        Answer("incentive", "For taking part", detail.incentive),
        Answer("data_kept", "Where answers are kept", detail.data_kept),
        Answer("irb", "Institutional Review Board", detail.get_irb_display()),
        Answer("irb_number", "Determination", detail.irb_number, is_code=True),
        Answer("irb_expires_on", "Approval lasts until", f"{until:%-d %B %Y}" if until else ""),
        Answer("research_office_contact", "Institutional Research", detail.research_office_contact),
    ]


def _person_line(detail: CampaignRequest) -> str:
    return f"{detail.stopper}, {detail.stopper_phone}" if detail.stopper else ""


def _limits(detail: CampaignRequest) -> str:
    if detail.stop_complaint_percent is None or detail.stop_bounce_percent is None:
        return ""
    return f"{detail.stop_complaint_percent} % complaints, {detail.stop_bounce_percent} % hard bounces"
