"""CAN-SPAM: 15 U.S.C. 7704 and 16 CFR 316, as far as a message shows it (CS-1 to CS-15)."""

import re
from collections.abc import Iterator
from typing import Final

from portal.message_checks.findings import (
    CampaignFacts,
    MessageFinding,
    MessageOutcome,
    Purpose,
    primary_purpose,
)
from portal.message_checks.parsing import CampaignMessage
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


def can_spam(message: CampaignMessage, facts: CampaignFacts) -> Iterator[MessageFinding]:
    """Every check of the chapter, in the order of the rules."""
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
        "Was the list neither bought nor harvested nor guessed? See the audience.",
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
        "Whoever sends it, the unit answers for it. Does it watch what the platform does?",
        "the platform",
    )


def is_ours(address: str, facts: CampaignFacts) -> bool:
    """Whether an address is on the mail domain, below it, or on a domain the platform may write as."""
    domain = address.rpartition("@")[2].lower()
    return (
        domain == facts.own_domain
        or domain.endswith(f".{facts.own_domain}")
        or domain in facts.sending_domains
    )


def _origin(message: CampaignMessage, facts: CampaignFacts) -> Iterator[MessageFinding]:
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
            f"From is {sender}, but the request names {facts.from_address}. Make them agree.",
            "From",
        )
    elif facts.own_domain and not is_ours(sender, facts):
        yield MessageFinding(
            "CS-1", CLAUSE, FAIL, f"From is {sender}, which is not on {facts.own_domain}.", "From"
        )
    else:
        yield MessageFinding("CS-1", CLAUSE, PASS, f"From is {sender}.", "From")
    for reply in message.reply_to:
        if facts.own_domain and not is_ours(reply, facts):
            yield MessageFinding(
                "CS-1",
                CLAUSE,
                WARN,
                f"Replies go to {reply}, outside of {facts.own_domain}.",
                "Reply-To",
                must=False,
            )
    yield MessageFinding(
        "CS-2", CLAUSE, PERSON, "Does it go out by the named platform, and by no other road?", "the platform"
    )


def _subject(message: CampaignMessage) -> Iterator[MessageFinding]:
    if not message.subject:
        yield MessageFinding(
            "CS-3", CLAUSE, FAIL, "The subject is empty. Say what the message is about.", "Subject"
        )
    elif _REPLY.match(message.subject):  # mail to many is an answer to nobody, whatever In-Reply-To says
        yield MessageFinding(
            "CS-3",
            CLAUSE,
            FAIL,
            "The subject begins like an answer or a forwarded message, and it is neither. Leave “Re:” or “Fwd:” out.",
            "Subject",
        )
    else:
        yield MessageFinding(
            "CS-3",
            CLAUSE,
            PERSON,
            f"Does the subject, “{message.subject[:120]}”, say what the message holds?",
            "Subject",
        )


def _wants_opt_out(facts: CampaignFacts) -> bool:
    """Whether the law demands an opt-out: of commercial mail, and of what nobody has classified."""
    return primary_purpose(facts) in (Purpose.COMMERCIAL, Purpose.UNKNOWN)


def _opting_out(message: CampaignMessage, facts: CampaignFacts) -> Iterator[MessageFinding]:
    links = opt_out_links(message.markup.links)
    by_reply = bool(OPT_OUT.search(message.shown)) and bool(
        re.search(r"\breply\b", message.shown, re.IGNORECASE)
    )
    must = _wants_opt_out(facts)
    if links:
        where = links[0].host or links[0].url[:80]
        yield MessageFinding(
            "CS-4", CLAUSE, PASS, f"People can opt out by a link ({where}).", "the opt-out link"
        )
    elif by_reply:
        yield MessageFinding("CS-4", CLAUSE, PASS, "People can opt out by a reply.", "the opt-out")
    else:
        hidden = " One is there, but hidden from readers." if OPT_OUT.search(message.markup.hidden) else ""
        yield MessageFinding(
            "CS-4",
            CLAUSE,
            FAIL if must else WARN,
            f"There is no visible link or reply address to opt out by.{hidden} Add one at the end.",
            "the end",
            must=must,
        )
    if MENU.search(message.shown) and not NONE_OF_THESE.search(message.shown):
        yield MessageFinding(
            "CS-5",
            CLAUSE,
            PERSON,
            "It leads to a page of preferences. Can people choose “none of these” there?",
            "the opt-out link",
        )
    yield MessageFinding(
        "CS-6",
        CLAUSE,
        PERSON,
        "Who has opted out gets no more after ten business days, and their address goes to nobody. Who sees to it?",
        "the list",
    )


def _advertisement(message: CampaignMessage, facts: CampaignFacts) -> MessageFinding:
    purpose = primary_purpose(facts)
    if purpose in (Purpose.TRANSACTIONAL, Purpose.OTHER):
        return MessageFinding("CS-7", CLAUSE, PASS, "It is no advertisement.", "the text")
    if facts.has_consent:
        return MessageFinding(
            "CS-7",
            CLAUSE,
            PASS,
            "The recipients asked for such mail, so it need not say that it is an advertisement.",
            "the text",
        )
    if ADVERTISES.search(message.subject) or ADVERTISES.search(message.shown):
        return MessageFinding("CS-7", CLAUSE, PASS, "It says that it is an advertisement.", "the text")
    return MessageFinding(
        "CS-7",
        CLAUSE,
        PERSON,
        "Is it plain to a reader that this is an advertisement? Nothing in it says so.",
        "the text",
    )


def _notice(message: CampaignMessage, facts: CampaignFacts) -> MessageFinding:
    if OPT_OUT.search(message.shown):
        return MessageFinding("CS-8", CLAUSE, PASS, "It says how to opt out.", "the text")
    must = _wants_opt_out(facts)
    return MessageFinding(
        "CS-8",
        CLAUSE,
        FAIL if must else WARN,
        "It does not say that people can opt out. Say so in a plain sentence.",
        "the text",
        must=must,
    )


def _postal(message: CampaignMessage) -> MessageFinding:
    if found := postal_address(message.shown):
        return MessageFinding("CS-9", CLAUSE, PASS, f"The postal address is “{found[:120]}”.", "the text")
    if message.markup.text and postal_address(message.plain):
        return MessageFinding(
            "CS-9",
            CLAUSE,
            FAIL,
            "The postal address stands in the plain text alone. Show it in the HTML as well.",
            "the HTML",
        )
    if postal_address(message.markup.hidden):
        return MessageFinding(
            "CS-9",
            CLAUSE,
            FAIL,
            "The postal address is hidden from readers. Show it in plain sight.",
            "hidden text",
        )
    pictures = "; a picture of one does not count" if message.markup.pictures else ""
    return MessageFinding(
        "CS-9",
        CLAUSE,
        FAIL,
        f"There is no postal address in the text{pictures}. Add the unit’s street or box, its city, state and ZIP code.",
        "the end",
    )


def _purpose(facts: CampaignFacts) -> MessageFinding:
    purpose = primary_purpose(facts)
    sentences = {
        Purpose.COMMERCIAL: (PASS, "Its primary purpose is commercial (16 CFR 316.3)."),
        Purpose.TRANSACTIONAL: (
            PASS,
            "Its primary purpose is transactional or belongs to a relationship (16 CFR 316.3).",
        ),
        Purpose.OTHER: (PASS, "It is neither commercial nor transactional (16 CFR 316.3)."),
        Purpose.UNKNOWN: (
            PERSON,
            "Whether it is commercial has not been answered; it is judged as if it were.",
        ),
    }
    outcome, sentence = sentences[purpose]
    return MessageFinding("CS-11", CLAUSE, outcome, sentence, "the answers")


def _one_sponsor(message: CampaignMessage) -> MessageFinding:
    if len(message.values("From")) > 1 or len(message.senders) > 1:
        return MessageFinding(
            "CS-12",
            CLAUSE,
            FAIL,
            "Several senders: name the one unit that stands for the mail in From.",
            "From",
        )
    return MessageFinding("CS-12", CLAUSE, PASS, "One unit stands for it in From.", "From")


def _explicit(message: CampaignMessage) -> MessageFinding:
    if _EXPLICIT.search(message.subject):
        return MessageFinding(
            "CS-13",
            CLAUSE,
            FAIL,
            "The subject has the label of sexually explicit mail, which goes out by no system of ours.",
            "Subject",
        )
    return MessageFinding("CS-13", CLAUSE, PASS, "It has no label of sexually explicit mail.", "Subject")


def _one_step(message: CampaignMessage) -> Iterator[MessageFinding]:
    links = opt_out_links(message.markup.links)
    for link in links:
        if asks_sign_in(link.url):
            yield MessageFinding(
                "CS-14",
                CLAUSE,
                FAIL,
                f"The opt-out link leads to a sign-in page ({link.host}). Opting out may ask for nothing but the address.",
                "the opt-out link",
            )
        elif is_shortened(link):
            yield MessageFinding(
                "CS-14",
                CLAUSE,
                FAIL,
                f"The opt-out link hides where it leads ({link.host}). Use the full address.",
                "the opt-out link",
            )
    if links and not any(asks_sign_in(link.url) or is_shortened(link) for link in links):
        yield MessageFinding(
            "CS-14",
            CLAUSE,
            PERSON,
            "Is opting out one reply or one page, without a fee or a sign-in? Try the link.",
            "the opt-out link",
        )
