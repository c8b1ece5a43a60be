"""The CAN-SPAM Act as far as a message shows it: 15 U.S.C. 7704 and 16 CFR 316 (CS-1 to CS-15)."""

import re
from collections.abc import Iterator
from typing import Final

from portal.message_checks.findings import (
    MailingFacts,
    MessageFinding,
    MessageOutcome,
    PrimaryPurpose,
    primary_purpose,
)
from portal.message_checks.parsing import ParsedMessage
from portal.message_checks.postal import (
    ADVERTISES,
    MENU,
    NONE_OF_THESE,
    OPT_OUT,
    asks_sign_in,
    is_shortened,
    opt_out_links,
    postal_address,
)

PASS, WARN, FAIL, PERSON, UNKNOWN = (
    MessageOutcome.PASS,
    MessageOutcome.WARN,
    MessageOutcome.FAIL,
    MessageOutcome.PERSON,
    MessageOutcome.UNKNOWN,
)
CLAUSE: Final = "MKT-4"
_REPLY: Final = re.compile(r"^\s*(?:re|fw|fwd|aw|wg)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_EXPLICIT: Final = re.compile(r"\bSEXUALLY[\s-]EXPLICIT\b", re.IGNORECASE)


def can_spam(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    """Yield the findings of CS-1 to CS-15, in that order."""
    yield from _origin(message, facts)
    yield from _subject(message)
    yield from _opting_out(message, facts)
    yield _advertisement(message, facts)
    yield _notice(message, facts)
    yield _postal(message)
    yield MessageFinding(
        "CS-10",
        CLAUSE,
        PERSON,
        "Is it certain that the list was not bought, harvested or guessed? See the audience.",
        "the list",
    )
    yield _purpose(facts)
    yield _one_sponsor(message)
    yield _explicit(message)
    yield from _one_step(message)
    yield MessageFinding(
        "CS-15",
        CLAUSE,
        PERSON,
        "The unit is responsible for what others send for it. Does it monitor the platform?",
        "the platform",
    )


def is_ours(address: str, facts: MailingFacts) -> bool:
    """Whether an address is in the mail domain or a subdomain, or in a domain that the platform may send as."""
    domain = address.rpartition("@")[2].lower()
    return (
        domain == facts.own_domain
        or domain.endswith(f".{facts.own_domain}")
        or domain in facts.sending_domains
    )


def _origin(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    if len(message.senders) != 1:
        count = "no address" if not message.senders else f"{len(message.senders)} addresses"
        yield MessageFinding(
            "CS-1", CLAUSE, FAIL, f"From must name exactly one address; it has {count}.", "From"
        )
        return
    sender = message.senders[0]
    if facts.from_address and sender != facts.from_address.lower():
        yield MessageFinding(
            "CS-1",
            CLAUSE,
            FAIL,
            f"From is {sender}, but the request names {facts.from_address}. They must be the same.",
            "From",
        )
    elif facts.own_domain and not is_ours(sender, facts):
        yield MessageFinding(
            "CS-1", CLAUSE, FAIL, f"From is {sender}, which is not in {facts.own_domain}.", "From"
        )
    else:
        yield MessageFinding("CS-1", CLAUSE, PASS, f"From is {sender}.", "From")
    for reply in message.reply_to:
        if facts.own_domain and not is_ours(reply, facts):
            yield MessageFinding(
                "CS-1",
                CLAUSE,
                WARN,
                f"Replies go to {reply}, outside {facts.own_domain}.",
                "Reply-To",
                must=False,
            )
    yield MessageFinding("CS-2", CLAUSE, PERSON, "Is it sent only by the named platform?", "the platform")


def _subject(message: ParsedMessage) -> Iterator[MessageFinding]:
    if not message.subject:
        yield MessageFinding(
            "CS-3", CLAUSE, FAIL, "The subject is empty. Say what the message is about.", "Subject"
        )
    elif _REPLY.match(message.subject):  # A message to many people is not a reply, whatever In-Reply-To says.
        yield MessageFinding(
            "CS-3",
            CLAUSE,
            FAIL,
            "The subject begins like a reply or a forwarded message, and it is neither. Remove “Re:” or “Fwd:”.",
            "Subject",
        )
    else:
        yield MessageFinding(
            "CS-3",
            CLAUSE,
            PERSON,
            f"Does the subject, “{message.subject[:120]}”, describe what the message contains?",
            "Subject",
        )


def _wants_opt_out(facts: MailingFacts) -> bool:
    """Whether the law requires an opt-out: for commercial messages, and for those that nobody has classified."""
    return primary_purpose(facts) in (PrimaryPurpose.COMMERCIAL, PrimaryPurpose.UNKNOWN)


def _opting_out(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    links = opt_out_links(message.markup.links)
    by_reply = bool(OPT_OUT.search(message.shown)) and bool(
        re.search(r"\breply\b", message.shown, re.IGNORECASE)
    )
    must = _wants_opt_out(facts)
    if links:
        where = links[0].host or links[0].url[:80]
        yield MessageFinding(
            "CS-4", CLAUSE, PASS, f"People can opt out with a link ({where}).", "the opt-out link"
        )
    elif by_reply:
        yield MessageFinding("CS-4", CLAUSE, PASS, "People can opt out with a reply.", "the opt-out")
    else:
        hidden = (
            " There is one, but it is hidden from readers." if OPT_OUT.search(message.markup.hidden) else ""
        )
        yield MessageFinding(
            "CS-4",
            CLAUSE,
            FAIL if must else WARN,
            f"There is no visible link or reply address for opting out.{hidden} Add one at the end.",
            "the end",
            must=must,
        )
    if MENU.search(message.shown) and not NONE_OF_THESE.search(message.shown):
        yield MessageFinding(
            "CS-5",
            CLAUSE,
            PERSON,
            "It goes to a preferences page. Can people choose to get nothing there?",
            "the opt-out link",
        )
    yield MessageFinding(
        "CS-6",
        CLAUSE,
        PERSON,
        "People who opt out must get no more after ten business days, and their addresses must not be shared. Who makes sure of that?",
        "the list",
    )


def _advertisement(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    purpose = primary_purpose(facts)
    if purpose in (PrimaryPurpose.TRANSACTIONAL, PrimaryPurpose.OTHER):
        return MessageFinding("CS-7", CLAUSE, PASS, "It is not an advertisement.", "the text")
    if facts.has_consent:
        return MessageFinding(
            "CS-7",
            CLAUSE,
            PASS,
            "The recipients agreed to get such mail, so it does not have to say that it is an advertisement.",
            "the text",
        )
    if ADVERTISES.search(message.subject) or ADVERTISES.search(message.shown):
        return MessageFinding("CS-7", CLAUSE, PASS, "It says that it is an advertisement.", "the text")
    return MessageFinding(
        "CS-7",
        CLAUSE,
        PERSON,
        "Is it clear to a reader that this is an advertisement? Nothing in the message says so.",
        "the text",
    )


def _notice(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    if OPT_OUT.search(message.shown):
        return MessageFinding("CS-8", CLAUSE, PASS, "It says how to opt out.", "the text")
    must = _wants_opt_out(facts)
    return MessageFinding(
        "CS-8",
        CLAUSE,
        FAIL if must else WARN,
        "It does not say that people can opt out. Add a clear sentence that does.",
        "the text",
        must=must,
    )


def _postal(message: ParsedMessage) -> MessageFinding:
    if found := postal_address(message.shown):
        return MessageFinding("CS-9", CLAUSE, PASS, f"The postal address is “{found[:120]}”.", "the text")
    if message.markup.text and postal_address(message.plain):
        return MessageFinding(
            "CS-9",
            CLAUSE,
            FAIL,
            "The postal address is only in the plain text. Add it to the HTML as well.",
            "the HTML",
        )
    if postal_address(message.markup.hidden):
        return MessageFinding(
            "CS-9",
            CLAUSE,
            FAIL,
            "The postal address is hidden from readers. Make it visible.",
            "hidden text",
        )
    pictures = "; an address in a picture does not count" if message.markup.pictures else ""
    return MessageFinding(
        "CS-9",
        CLAUSE,
        FAIL,
        f"There is no postal address in the text{pictures}. Add the unit’s street address or PO box, city, state and ZIP code.",
        "the end",
    )


def _purpose(facts: MailingFacts) -> MessageFinding:
    purpose = primary_purpose(facts)
    sentences = {
        PrimaryPurpose.COMMERCIAL: (PASS, "Its primary purpose is commercial (16 CFR 316.3)."),
        PrimaryPurpose.TRANSACTIONAL: (
            PASS,
            "Its primary purpose is transactional or relationship (16 CFR 316.3).",
        ),
        PrimaryPurpose.OTHER: (PASS, "It is neither commercial nor transactional (16 CFR 316.3)."),
        PrimaryPurpose.UNKNOWN: (
            PERSON,
            "Nobody has answered whether it is commercial, so it is checked as if it were.",
        ),
    }
    outcome, sentence = sentences[purpose]
    return MessageFinding("CS-11", CLAUSE, outcome, sentence, "the answers")


def _one_sponsor(message: ParsedMessage) -> MessageFinding:
    if len(message.values("From")) > 1 or len(message.senders) > 1:
        return MessageFinding(
            "CS-12",
            CLAUSE,
            FAIL,
            "There are several senders. Name the one unit that is responsible in From.",
            "From",
        )
    return MessageFinding("CS-12", CLAUSE, PASS, "From names the one unit that is responsible.", "From")


def _explicit(message: ParsedMessage) -> MessageFinding:
    if _EXPLICIT.search(message.subject):
        return MessageFinding(
            "CS-13",
            CLAUSE,
            FAIL,
            "The subject is labeled as sexually explicit, which none of our systems may send.",
            "Subject",
        )
    return MessageFinding("CS-13", CLAUSE, PASS, "It is not labeled as sexually explicit.", "Subject")


def _one_step(message: ParsedMessage) -> Iterator[MessageFinding]:
    links = opt_out_links(message.markup.links)
    for link in links:
        if asks_sign_in(link.url):
            yield MessageFinding(
                "CS-14",
                CLAUSE,
                FAIL,
                f"The opt-out link goes to a sign-in page ({link.host}). Opting out must not require more than the email address.",
                "the opt-out link",
            )
        elif is_shortened(link):
            yield MessageFinding(
                "CS-14",
                CLAUSE,
                FAIL,
                f"The opt-out link hides its destination ({link.host}). Use the full address.",
                "the opt-out link",
            )
    if links and not any(asks_sign_in(link.url) or is_shortened(link) for link in links):
        yield MessageFinding(
            "CS-14",
            CLAUSE,
            PERSON,
            "Does opting out take only one reply or one page, without a fee or a sign-in? Try the link.",
            "the opt-out link",
        )
