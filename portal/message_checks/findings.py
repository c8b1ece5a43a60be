"""Findings of a message check, and the facts about a mailing that its message cannot tell."""

from dataclasses import dataclass
from enum import StrEnum

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import MessageReport


class MessageOutcome(StrEnum):
    """The outcome of one check; PERSON is left to a person, because no program can tell."""

    PASS = "pass"  # noqa: S105 - an outcome, no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    PERSON = "person"


@dataclass(frozen=True)
class MessageFinding:
    """The result of one rule: the rule, its clause, the outcome, one sentence, and the place in the message."""

    rule: str
    clause: str
    outcome: MessageOutcome
    message: str
    where: str = ""
    must: bool = True
    """Whether a failure bars the approval; advice does not."""


@dataclass(frozen=True)
class SignatureFacts:
    """What the DKIM signatures of a message prove, according to `portal.mailauth.message_report`."""

    outcome: MessageOutcome
    """PASS; WARN for a pass that leaves something open to abuse; FAIL; UNKNOWN."""
    reason: str
    covers: frozenset[str] = frozenset()
    """Header fields in lower case that a valid, aligned signature covers."""

    @classmethod
    def of(cls, report: MessageReport) -> "SignatureFacts":
        """Return the facts of a report."""
        said = report.dmarc_by_dkim
        proven = said.outcome is Outcome.PASS
        outcome = MessageOutcome.WARN if proven and said.warnings else MessageOutcome(said.outcome.value)
        covers = {name for one in report.dkim if proven and one.proves for name in one.covers}
        return cls(outcome, said.reason, frozenset(covers))


@dataclass(frozen=True)
class MailingFacts:
    """Facts about a mailing that its message cannot tell; None means "not answered"."""

    own_domain: str = ""
    """The institution's mail domain."""
    sending_domains: frozenset[str] = frozenset()
    """Domains that the platform may send as, besides the mail domain and its subdomains."""
    from_address: str = ""
    is_survey: bool = False
    is_recruitment: bool = False
    promotes: bool | None = None
    has_transactional: bool | None = None
    subject_reads_commercial: bool | None = None
    transactional_first: bool | None = None
    body_reads_commercial: bool | None = None
    has_consent: bool = False
    """Whether the recipients agreed to get such mail (15 U.S.C. 7704(a)(5)(B))."""
    people: int = 0
    messages_each: int | None = None
    is_anonymous: bool = False
    incentive: str = ""
    signatures: SignatureFacts | None = None
    """What the signatures of this copy prove; None if nobody has verified them."""
    irb_text_sha256: str = ""
    """The canonical SHA-256 of the text that the IRB approved; "" if there is none (S-3)."""


class PrimaryPurpose(StrEnum):
    """The primary purpose of a message (16 CFR 316.3; CS-11)."""

    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"
    OTHER = "other"
    UNKNOWN = "unknown"


def primary_purpose(facts: MailingFacts) -> PrimaryPurpose:
    """Return the primary purpose by the five questions of 16 CFR 316.3; UNKNOWN if a needed answer is missing."""
    if facts.promotes is None:
        return PrimaryPurpose.UNKNOWN
    if not facts.promotes:
        return PrimaryPurpose.TRANSACTIONAL if facts.has_transactional else PrimaryPurpose.OTHER
    if facts.has_transactional is None:
        return PrimaryPurpose.UNKNOWN
    # Mixed content: 316.3(a)(2) with transactional content, 316.3(a)(3) with any other.
    first = facts.transactional_first
    second = (
        (None if first is None else not first) if facts.has_transactional else facts.body_reads_commercial
    )
    answers = (facts.subject_reads_commercial, second)
    if any(answers):
        return PrimaryPurpose.COMMERCIAL
    if None in answers:
        return PrimaryPurpose.UNKNOWN
    return PrimaryPurpose.TRANSACTIONAL if facts.has_transactional else PrimaryPurpose.OTHER
