"""Surveys and research among people of the institution (S-1 to S-10)."""

import re
from collections.abc import Iterator
from typing import Final

from portal.message_checks.can_spam import FAIL, PASS, PERSON, WARN
from portal.message_checks.canonical import canonical_sha256
from portal.message_checks.findings import MailingFacts, MessageFinding
from portal.message_checks.markup import Link
from portal.message_checks.parsing import ParsedMessage
from portal.message_checks.postal import opt_out_links

CLAUSE: Final = "MKT-5"
MOST_MESSAGES: Final = 2
"""Messages to each person: the invitation and one reminder (S-10)."""
_RECRUITS: Final = re.compile(
    r"\b(?:research (?:study|participants?|subjects?)|participants? (?:needed|wanted|for (?:a|our) (?:study|experiment))|"
    r"(?:volunteers?|subjects?) (?:needed|wanted) for|clinical trial|principal investigator)\b",
    re.IGNORECASE,
)
_ANONYMOUS: Final = re.compile(r"\banonym(?:ous|ously|ity|ized)\b", re.IGNORECASE)
_NOT_ANONYMOUS: Final = re.compile(r"\bnot anonymous\b", re.IGNORECASE)
_INCENTIVE: Final = re.compile(
    r"(?:\$\s?\d|\b(?:gift ?cards?|prize|win|raffle|drawing|reward|free)\b)", re.IGNORECASE
)
_PERSONAL: Final = re.compile(
    r"(?:[?&/](?:rid|uid|userid|user|recipient|email|respondent|token|pid|q_dl|tracking)=|\{\{|\*\||%%|\$\{|\[\[|@ttu)",
    re.IGNORECASE,
)
_VOLUNTARY: Final = re.compile(
    r"\b(?:voluntary|you may (?:skip|stop|decline)|choose not to)\b", re.IGNORECASE
)


def survey_rules(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    """Yield the finding of S-1 for every message, and those of S-2 to S-10 for surveys."""
    yield _recruitment(message, facts)
    if not facts.is_survey:
        return
    yield MessageFinding(
        "S-2",
        CLAUSE,
        PERSON,
        "Is the IRB’s determination valid through the last day of sending? See the answers.",
        "the answers",
    )
    yield _approved_text(message, facts)
    yield from _anonymity(message, facts)
    yield MessageFinding(
        "S-5", CLAUSE, PERSON, "Has the office responsible for this population agreed?", "the audience"
    )
    yield MessageFinding(
        "S-6", CLAUSE, PERSON, "Does Institutional Research know of it? See the answers.", "the answers"
    )
    yield MessageFinding(
        "S-7",
        CLAUSE,
        PERSON,
        "Do these people already get enough surveys this year? See the calendar.",
        "the window",
    )
    yield MessageFinding(
        "S-8",
        CLAUSE,
        PERSON,
        "Students’ email addresses are not directory information (FERPA). Does the list stay inside the institution?",
        "the audience",
    )
    yield _incentive(message)
    yield _reminders(facts)


def _recruitment(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    if facts.is_recruitment:
        return MessageFinding(
            "S-1",
            CLAUSE,
            FAIL,
            "Mass email to recruit people for a research study is not permitted. Use the announcement service, with the IRB approval number.",
            "the answers",
        )
    found = _RECRUITS.search(f"{message.subject}\n{message.text[:100_000]}")
    if found:
        return MessageFinding(
            "S-1",
            CLAUSE,
            PERSON,
            f"“{found[0]}”: does it recruit people for research? Such messages go through the announcement service.",
            "the text",
        )
    return MessageFinding("S-1", CLAUSE, PASS, "It does not recruit people for research.", "the text")


def _approved_text(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    if not facts.irb_text_sha256:
        return MessageFinding(
            "S-3",
            CLAUSE,
            PERSON,
            "If the IRB approved a text, is this that text, word for word?",
            "the text",
        )
    if canonical_sha256(message) == facts.irb_text_sha256:
        return MessageFinding("S-3", CLAUSE, PASS, "It is the text that the IRB approved.", "the text")
    return MessageFinding("S-3", CLAUSE, FAIL, "It is not the text that the IRB approved.", "the text")


def is_personal(link: Link) -> bool:
    """Whether a link can identify who follows it, by a merge field or a parameter for the recipient."""
    return bool(_PERSONAL.search(link.url))


def _anonymity(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    says = bool(_ANONYMOUS.search(message.shown)) and not _NOT_ANONYMOUS.search(message.shown)
    personal = next(
        (link for link in message.markup.links if not _is_opt_out(link) and is_personal(link)), None
    )
    if (says or facts.is_anonymous) and personal is not None:
        yield MessageFinding(
            "S-4",
            CLAUSE,
            FAIL,
            f"It promises anonymity, but the link to {personal.host or 'the survey'} can identify who follows it. Use one link for everybody, or do not promise it.",
            "the links",
        )
    elif says and not facts.is_anonymous:
        yield MessageFinding(
            "S-4",
            CLAUSE,
            FAIL,
            "The text says “anonymous”, but the request does not. They must agree.",
            "the text",
        )
    elif _VOLUNTARY.search(message.shown):
        yield MessageFinding("S-4", CLAUSE, PASS, "It says that taking part is voluntary.", "the text")
    else:
        yield MessageFinding(
            "S-4",
            CLAUSE,
            PERSON,
            "Does it explain that taking part is voluntary, and what happens to the answers?",
            "the text",
        )


def _is_opt_out(link: Link) -> bool:
    return bool(opt_out_links([link]))


def _incentive(message: ParsedMessage) -> MessageFinding:
    if found := _INCENTIVE.search(message.subject):
        return MessageFinding(
            "S-9",
            CLAUSE,
            WARN,
            f"The subject names the reward (“{found[0]}”). Name it in the text.",
            "Subject",
            must=False,
        )
    return MessageFinding("S-9", CLAUSE, PASS, "The subject names no reward.", "Subject")


def _reminders(facts: MailingFacts) -> MessageFinding:
    each = facts.messages_each
    if each is not None and each > MOST_MESSAGES:
        return MessageFinding(
            "S-10",
            CLAUSE,
            WARN,
            f"{each} messages to each person; one reminder is usual.",
            "the window",
            must=False,
        )
    return MessageFinding("S-10", CLAUSE, PASS, "At most one reminder goes out.", "the window")
