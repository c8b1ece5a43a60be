"""The answers of an Intended Use request as people read them, grouped by page."""

from collections.abc import Sequence
from datetime import date

from portal.workflow.kinds import Answer, AnswerGroup, Step
from portal.workflow.models import ServiceRequest
from senders import services
from senders.models import SenderRequest

_OPTIONAL = {"identity_reason", "spf_term", "tx_ramp", "accessibility", "security_review", "agreement_number"}


def _day(day: date | None) -> str:
    return f"{day:%-d %B %Y}" if day else ""


def answer_groups(service_request: ServiceRequest, steps: Sequence[Step]) -> list[AnswerGroup]:
    """One group for each page; optional answers that were not given are left out."""
    detail, sr = SenderRequest.of(service_request), service_request
    groups = {
        "service": [
            Answer("service_name", "Service", detail.service_name),
            Answer("vendor", "Vendor", detail.vendor),
            Answer("service_model", "Who runs it", detail.get_service_model_display()),
        ],
        "agreement": [
            Answer("agreement", "Agreement", detail.get_agreement_display()),
            Answer("agreement_number", "Reference number", detail.agreement_number),
            Answer("sponsor", "Sponsor", str(sr.sponsor or "")),
            Answer("contract_starts_on", "Begins on", _day(detail.contract_starts_on)),
            Answer("contract_ends_on", "Ends on", _day(detail.contract_ends_on)),
        ],
        "identity": [
            Answer("identity", "What people see in From", detail.get_identity_display()),
            Answer("identity_reason", "Why the others will not do", detail.identity_reason),
            Answer("sending_domain", "Domain in From", detail.sending_domain, is_code=True),
            Answer("addresses", "From addresses", "\n".join(services.addresses_of(sr)), is_code=True),
            Answer("envelope_domain", "Envelope domain", detail.envelope_domain, is_code=True),
        ],
        "dkim": [
            Answer("signing_domain", "Signing domain", detail.signing_domain, is_code=True),
            Answer("keys", "DKIM keys", "\n".join(map(str, services.keys_of(sr))), is_code=True),
            Answer("spf_term", "SPF term", detail.spf_term, is_code=True),
        ],
        "handling": [
            Answer("is_bulk", "Bulk mail", "Yes" if detail.is_bulk else "No"),
            Answer("classification", "Most sensitive data", detail.get_classification_display()),
            Answer("tx_ramp", "TX-RAMP", detail.tx_ramp),
            Answer("accessibility", "Accessibility report", detail.accessibility),
            Answer("security_review", "Security review", detail.security_review),
            Answer("exit_plan", "At the end", detail.exit_plan),
        ],
        "people": [
            Answer("department", "Department", sr.department),
            Answer("purpose", "Purpose", sr.purpose),
            Answer("co_owner", "Co-owner", str(sr.co_owner or "")),
            Answer("functional_mailbox", "Mailbox for notices", sr.functional_mailbox, is_code=True),
        ],
        "statement": [
            Answer("is_attested", "Statement", "Stated by the requester" if detail.is_attested else "")
        ],
    }
    return [
        AnswerGroup(
            step.key, step.title, [a for a in groups[step.key] if a.value or a.field not in _OPTIONAL]
        )
        for step in steps
    ]
