"""What `manage.py check_message FILE --campaign` adds: the findings of a message without a request's answers."""

from portal.institution import institution
from portal.mailauth.management.message_checks import MessageCheck
from portal.mailauth.message_report import MessageReport
from portal.message_checks.checks import CampaignFacts, check_octets
from portal.message_checks.findings import SignatureFacts


def findings_of(raw: bytes, report: MessageReport) -> list[dict[str, str]]:
    """The findings as JSON objects. Without answers it is judged as commercial mail to many, the strictest."""
    facts = CampaignFacts(
        own_domain=institution().mail_domain,
        promotes=True,
        has_transactional=False,
        subject_reads_commercial=True,
        body_reads_commercial=True,
        signatures=SignatureFacts.of(report),
    )
    return [
        {
            "rule": finding.rule,
            "clause": finding.clause,
            "outcome": finding.outcome.value,
            "message": finding.message,
            "where": finding.where,
        }
        for finding in check_octets(raw, facts)
    ]


CAMPAIGN_CHECK = MessageCheck(
    "campaign", "Check it also as a message to many: CAN-SPAM, one-click, bulk and survey rules.", findings_of
)
