"""What a check of a message found, and what the answers of a request tell it."""

from dataclasses import dataclass
from enum import StrEnum

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import MessageReport


class MessageOutcome(StrEnum):
    """The four outcomes of a check, and the one that a machine leaves to a person."""

    PASS = "pass"  # noqa: S105 - an outcome, no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    PERSON = "person"


@dataclass(frozen=True)
class MessageFinding:
    """One finding: the rule and the clause behind it, the outcome, one sentence, and the place in the message."""

    rule: str
    clause: str
    outcome: MessageOutcome
    message: str
    where: str = ""
    must: bool = True
    """Whether it bars the approval where it fails; advice does not."""


@dataclass(frozen=True)
class SignatureFacts:
    """What the DKIM signatures of a message prove, as `portal.mailauth.message_report` judged them with the DNS."""

    outcome: MessageOutcome
    """Pass; warn for a pass that leaves something open to others; fail; unknown."""
    reason: str
    covers: frozenset[str] = frozenset()
    """Header fields, in lower case, that a signature covers which proves the message."""

    @classmethod
    def of(cls, report: MessageReport) -> "SignatureFacts":
        """What a report says."""
        said = report.dmarc_by_dkim
        proven = said.outcome is Outcome.PASS
        outcome = MessageOutcome.WARN if proven and said.warnings else MessageOutcome(said.outcome.value)
        covers = {name for one in report.dkim if proven and one.proves for name in one.covers}
        return cls(outcome, said.reason, frozenset(covers))


@dataclass(frozen=True)
class CampaignFacts:
    """What the answers say that the message cannot. None is "not answered"."""

    own_domain: str = ""
    """The institution's mail domain."""
    sending_domains: frozenset[str] = frozenset()
    """Domains that the platform may write as, besides the mail domain and what is below it."""
    from_address: str = ""
    is_survey: bool = False
    is_recruitment: bool = False
    promotes: bool | None = None
    has_transactional: bool | None = None
    subject_reads_commercial: bool | None = None
    transactional_first: bool | None = None
    body_reads_commercial: bool | None = None
    has_consent: bool = False
    """Whether the recipients asked for such mail (15 U.S.C. 7704(a)(5)(B))."""
    people: int = 0
    messages_each: int | None = None
    is_anonymous: bool = False
    incentive: str = ""
    signatures: SignatureFacts | None = None
    """What the signatures of the copy at hand prove; None where nobody has verified them."""
    irb_text_sha256: str = ""
    """The digest of the text that the IRB approved, where there is one (S-3)."""


class Purpose(StrEnum):
    """The primary purpose of a message (16 CFR 316.3; CS-11)."""

    COMMERCIAL = "commercial"
    TRANSACTIONAL = "transactional"
    OTHER = "other"
    UNKNOWN = "unknown"


def primary_purpose(facts: CampaignFacts) -> Purpose:
    """The primary purpose by the five questions of 16 CFR 316.3; unknown where one that matters has no answer."""
    if facts.promotes is None:
        return Purpose.UNKNOWN
    if not facts.promotes:
        return Purpose.TRANSACTIONAL if facts.has_transactional else Purpose.OTHER
    if facts.has_transactional is None:
        return Purpose.UNKNOWN
    # Mixed: 316.3(a)(2) beside transactional content, 316.3(a)(3) beside any other.
    first = facts.transactional_first
    second = (
        (None if first is None else not first) if facts.has_transactional else facts.body_reads_commercial
    )
    answers = (facts.subject_reads_commercial, second)
    if any(answers):
        return Purpose.COMMERCIAL
    if None in answers:
        return Purpose.UNKNOWN
    return Purpose.TRANSACTIONAL if facts.has_transactional else Purpose.OTHER
