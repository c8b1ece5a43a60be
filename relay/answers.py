"""The answers of a relay request as people read them, grouped by page."""

from collections.abc import Sequence

from portal.workflow.kinds import Answer, AnswerGroup, Step
from portal.workflow.models import ServiceRequest
from relay import services
from relay.models import RelayRequest


def answer_groups(service_request: ServiceRequest, steps: Sequence[Step]) -> list[AnswerGroup]:
    """One group for each page; answers that a branch never asked for are left out."""
    detail, sr = RelayRequest.of(service_request), service_request
    groups = {
        "system": [
            Answer("system_kind", "Kind of system", detail.get_system_kind_display()),
            Answer("capability", "Can it sign in?", detail.get_capability_display()),
            Answer("capability_reason", "Why it needs relay", detail.capability_reason),
        ],
        "network": [
            Answer("addresses", "IP address", "\n".join(services.addresses_of(sr)), is_code=True),
            Answer("range_reason", "Why a range", detail.range_reason),
            Answer("hostname", "Host name", detail.hostname, is_code=True),
        ],
        "senders": [
            Answer("senders", "Sender", "\n".join(services.senders_of(sr)), is_code=True),
            Answer("bounce_address", "Bounce address", detail.bounce_address, is_code=True),
        ],
        "mail": [
            Answer("recipients", "Recipients", detail.get_recipients_display()),
            Answer("recipient_domains", "Other domains", detail.recipient_domains, is_code=True),
            Answer("typical_per_day", "Messages on a typical day", services.number(detail.typical_per_day)),
            Answer("most_per_day", "Most on one day", services.number(detail.most_per_day)),
            Answer("peak_per_hour", "Most in one hour", services.number(detail.peak_per_hour)),
            Answer("external_per_day", "To the outside, a day", services.number(detail.external_per_day)),
            Answer(
                "recipients_per_message",
                "Recipients of one message",
                services.number(detail.recipients_per_message),
            ),
            Answer(
                "is_fed_by_web_form",
                "Fed by a public web form",
                "Yes" if detail.is_fed_by_web_form else "No",
            ),
            Answer("contents", "Most sensitive contents", detail.get_contents_display()),
            Answer("tls", "Encrypts (TLS)", detail.get_tls_display()),
        ],
        "people": [
            Answer("department", "Department", sr.department),
            Answer("purpose", "Purpose", sr.purpose),
            Answer("co_owner", "Co-owner", str(sr.co_owner or "")),
            Answer("functional_mailbox", "Mailbox for notices", sr.functional_mailbox, is_code=True),
        ],
        "statement": [
            Answer("asset_tag", "Asset tag", detail.asset_tag),
            Answer("after_hours_contact", "Outside office hours", detail.after_hours_contact),
            Answer("is_attested", "Statement", "Stated by the requester" if detail.is_attested else ""),
        ],
    }
    optional = {
        "capability_reason",
        "range_reason",
        "recipient_domains",
        "external_per_day",
        "most_per_day",
    }
    return [
        AnswerGroup(step.key, step.title, [a for a in groups[step.key] if a.value or a.field not in optional])
        for step in steps
    ]
