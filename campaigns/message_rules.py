"""The checks of a campaign's message, with what the answers say of it."""

from collections.abc import Mapping
from dataclasses import replace

from campaigns import services
from campaigns.models import Anonymity, CampaignRequest, Consent, Irb
from portal.institution import institution
from portal.lib import confined
from portal.lib.outcome import Outcome
from portal.mailauth.configured import configured_resolver
from portal.mailauth.message_intake import LARGEST_HEADER, MessageRefused
from portal.mailauth.message_report import check_message as verify_message
from portal.message_checks.checks import MailingFacts, check_octets
from portal.message_checks.findings import MessageFinding, MessageOutcome, SignatureFacts
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest

ANSWERED = frozenset({"CS-10", "S-2", "S-6", "S-7", "S-8", "S-10"})
"""Rules that the request's answers and the calendar settle (`rules`, `calendar_rules`), and the message cannot."""


def message_findings(service_request: ServiceRequest) -> list[Finding]:
    """Every check of the message that is handed in (MKT-4: CAN-SPAM, one-click unsubscribing, bulk senders' rules)."""
    detail = CampaignRequest.of(service_request)
    message = detail.message
    if message is None:
        return [Finding("MKT-4", "message", Outcome.FAIL, "MKT-4: the message is missing.", field="eml")]
    people, raw = services.audience_of(service_request), bytes(message.raw)
    return findings_of(
        detail, raw, people=people, is_composed=not message.file_name, signatures=signatures_of(raw)
    )


def signatures_of(raw: bytes) -> SignatureFacts | None:
    """What the DKIM signatures of a message prove now; None where it has none, or cannot be read. Asks the DNS."""
    if b"dkim-signature" not in raw[:LARGEST_HEADER].lower():
        return None
    try:
        return SignatureFacts.of(verify_message(raw, resolver=configured_resolver()))
    except MessageRefused:
        return None  # the check of the message itself says why
    except confined.Busy as error:
        return SignatureFacts(MessageOutcome.UNKNOWN, str(error))


def findings_of(
    detail: CampaignRequest,
    raw: bytes,
    *,
    people: Mapping[str, int],
    is_composed: bool,
    signatures: SignatureFacts | None = None,
) -> list[Finding]:
    """The same of a message that is not kept yet. Raises UnreadableMessage where `raw` is none, and `confined.Busy`.

    A composed message has no headers of the platform's yet, so those of one-click unsubscribing are advice.
    """
    found = [
        as_finding(finding)
        for finding in check_octets(raw, replace(facts_of(detail, people), signatures=signatures))
        if finding.rule not in ANSWERED
    ]
    return [_platform_adds(one) for one in found] if is_composed else found


def as_finding(finding: MessageFinding) -> Finding:
    """The same for the engine, which knows four outcomes: what is left to a person is advice to look at."""
    for_person = finding.outcome is MessageOutcome.PERSON
    return Finding(
        finding.clause,
        f"message:{finding.rule}",
        Outcome.WARN if for_person else Outcome(finding.outcome.value),
        f"For you to judge ({finding.rule}): {finding.message}"
        if for_person
        else f"{finding.rule}: {finding.message}",
        must=finding.must and not for_person and finding.outcome is not MessageOutcome.WARN,
        field="eml",
        evidence={"where": finding.where} if finding.where else {},
    )


def _platform_adds(found: Finding) -> Finding:
    if not found.rule.startswith("message:U-") or found.outcome is not Outcome.FAIL:
        return found
    sentence = f"{found.sentence} The platform has to add it: ask for a test message."
    return replace(found, outcome=Outcome.WARN, must=False, sentence=sentence)


def facts_of(detail: CampaignRequest, people: Mapping[str, int]) -> MailingFacts:
    """What the answers say that the message cannot."""
    grant = detail.sender_grant
    return MailingFacts(
        own_domain=institution().mail_domain,
        sending_domains=frozenset({grant.subject_key.lower()} if grant and grant.subject_key else ()),
        from_address=detail.from_address,
        is_survey=detail.is_survey,
        is_recruitment=detail.irb == Irb.RECRUITMENT,
        promotes=detail.promotes,
        has_transactional=detail.has_transactional,
        subject_reads_commercial=detail.subject_reads_commercial,
        transactional_first=detail.transactional_first,
        body_reads_commercial=detail.body_reads_commercial,
        has_consent=detail.consent == Consent.AFFIRMATIVE,
        people=sum(people.values()),
        messages_each=detail.messages_each,
        is_anonymous=detail.anonymity == Anonymity.ANONYMOUS,
        incentive=detail.incentive,
    )
