"""Checks of a campaign's message with the facts from the request's answers."""

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
"""Rules that `rules` and `calendar_rules` check from the answers and the calendar; the message cannot decide them."""


def message_findings(service_request: ServiceRequest) -> list[Finding]:
    """Return the findings of the request's message (MKT-4: CAN-SPAM, one-click unsubscribe, rules for bulk senders)."""
    detail = CampaignRequest.of(service_request)
    message = detail.message
    if message is None:
        return [Finding("MKT-4", "message", Outcome.FAIL, "MKT-4: the message is missing.", field="eml")]
    people, raw = services.audience_of(service_request), bytes(message.raw)
    return findings_of(
        detail, raw, people=people, is_composed=not message.file_name, signatures=signatures_of(raw)
    )


def signatures_of(raw: bytes) -> SignatureFacts | None:
    """Return what the DKIM signatures of a message prove now; None if it has none or cannot be read. Asks the DNS."""
    if b"dkim-signature" not in raw[:LARGEST_HEADER].lower():
        return None
    try:
        return SignatureFacts.of(verify_message(raw, resolver=configured_resolver()))
    except MessageRefused:
        return None  # The check of the message reports why.
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
    """Return the findings of a message that is not saved yet. Raises UnreadableMessage and `confined.Busy`.

    A composed message does not have the platform's headers yet, so findings about one-click unsubscribe are advice.
    """
    found = [
        as_finding(finding)
        for finding in check_octets(raw, replace(facts_of(detail, people), signatures=signatures))
        if finding.rule not in ANSWERED
    ]
    return [_platform_adds(one) for one in found] if is_composed else found


def as_finding(finding: MessageFinding) -> Finding:
    """Return a message finding for the engine, which has four outcomes: a question for a person becomes advice."""
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
    sentence = f"{found.sentence} The platform must add it. Ask for a test message."
    return replace(found, outcome=Outcome.WARN, must=False, sentence=sentence)


def facts_of(detail: CampaignRequest, people: Mapping[str, int]) -> MailingFacts:
    """Return the facts about the mailing from the request's answers."""
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
