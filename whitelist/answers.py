"""The answers of a whitelist request as people read them, grouped by page."""

from collections.abc import Sequence

from portal.workflow.kinds import Answer, AnswerGroup, Step
from portal.workflow.models import ServiceRequest
from whitelist import services

_OPTIONAL = {"domains", "domain_reason", "affected_count", "message_id", "hosted_services"}


def _stated(value: bool) -> str:
    return "Stated by the requester" if value else ""


def answer_groups(service_request: ServiceRequest, steps: Sequence[Step]) -> list[AnswerGroup]:
    """One group for each page; optional answers that were not given are left out."""
    detail, sr = services.detail_of(service_request), service_request
    day = detail.observed_on
    groups = {
        "sender": [
            Answer("addresses", "Sender address", "\n".join(services.addresses_of(sr)), is_code=True),
            Answer("domains", "Whole domain", "\n".join(services.domains_of(sr)), is_code=True),
            Answer("domain_reason", "Why a whole domain", detail.domain_reason),
        ],
        "affected": [
            Answer("affected", "Who misses it", detail.get_affected_display()),
            Answer(
                "affected_count", "People", f"{detail.affected_count or 0:,}" if detail.affected_count else ""
            ),
            Answer("affected_who", "Which ones", detail.affected_who),
            Answer("safelist_reason", "Why safe senders will not do", detail.safelist_reason),
        ],
        "observed": [
            Answer("observed_on", "Last caught on", f"{day:%-d %B %Y}" if day else ""),
            Answer("observed_recipient", "Sent to", detail.observed_recipient, is_code=True),
            Answer("observed_verdict", "What became of it", detail.get_observed_verdict_display()),
            Answer("message_id", "Message-ID", detail.message_id, is_code=True),
        ],
        "vendor": [
            Answer("vendor", "Vendor", detail.vendor),
            Answer("relationship", "What it does for us", detail.relationship),
            Answer("sponsor", "Sponsor", str(sr.sponsor or "")),
            Answer("evidence", "Evidence", detail.evidence),
        ],
        "control": [
            Answer("is_controlled", "The vendor’s own", _stated(detail.is_controlled)),
            Answer("is_dedicated", "For us only", _stated(detail.is_dedicated)),
            Answer("hosted_services", "Services of others", detail.hosted_services),
            Answer("is_hosted_controlled", "Under its control", _stated(detail.is_hosted_controlled)),
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
        AnswerGroup(
            step.key, step.title, [a for a in groups[step.key] if a.value or a.field not in _OPTIONAL]
        )
        for step in steps
    ]
