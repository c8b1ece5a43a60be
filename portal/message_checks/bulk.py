"""Requirements of mailbox providers for bulk senders, and the quality of a message (B-1 to B-8, M-1 to M-7)."""

from collections.abc import Iterator
from typing import Final

from portal.message_checks.can_spam import CLAUSE, FAIL, PASS, PERSON, UNKNOWN, WARN, is_ours
from portal.message_checks.findings import MailingFacts, MessageFinding, PrimaryPurpose, primary_purpose
from portal.message_checks.parsing import ParsedMessage
from portal.message_checks.postal import is_shortened, opt_out_links

BULK: Final = 5000
"""Messages a day to the users of one provider from which its rules for bulk senders apply."""
CLIPPED: Final = 102 * 1024
"""Octets of HTML beyond which Gmail clips a message."""
LARGE: Final = 500 * 1024


def bulk_rules(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    """Yield the findings of B-1 to B-8. What a file cannot prove, such as SPF or the server, is left to a person."""
    yield _authenticated(message, facts)
    if len(message.senders) == 1:
        yield MessageFinding(
            "B-2",
            CLAUSE,
            PERSON,
            f"Does mail from {message.senders[0].rpartition('@')[2]} pass DMARC from this platform?",
            "From",
        )
    yield MessageFinding(
        "B-3",
        CLAUSE,
        PERSON,
        "Do the platform’s servers have matching forward and reverse DNS names?",
        "the platform",
    )
    yield MessageFinding("B-4", CLAUSE, PERSON, "Does the platform send with TLS?", "the platform")
    yield MessageFinding(
        "B-5",
        CLAUSE,
        PERSON,
        "Complaints must stay below 0.3 %, and should stay below 0.1 %. Are the stop limits set accordingly?",
        "the stop limits",
    )
    yield _one_click_and_link(message, facts)
    if facts.people >= BULK:
        yield MessageFinding(
            "B-7",
            CLAUSE,
            PERSON,
            f"{facts.people:,} people: providers count the mail of all units in our domain together. Is the sending rate low enough?",
            "the audience",
        )
    yield from _format(message)


def _authenticated(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    """Check the signature of this copy. It is advice only, because the platform signs again what it sends."""
    if not message.values("DKIM-Signature"):
        outcome, sentence = (
            UNKNOWN,
            (
                "This copy has no DKIM signature. The platform signs what it sends; a test message would show it."
            ),
        )
    elif facts.signatures is None:
        outcome, sentence = (
            PERSON,
            ("It has a DKIM signature. Is it valid and aligned? See the check of the signatures."),
        )
    else:
        outcome, sentence = facts.signatures.outcome, facts.signatures.reason
    return MessageFinding("B-1", CLAUSE, outcome, sentence, "DKIM-Signature", must=False)


def _one_click_and_link(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    headers = bool(message.values("List-Unsubscribe") and message.values("List-Unsubscribe-Post"))
    link = bool(opt_out_links(message.markup.links))
    if headers and link:
        return MessageFinding(
            "B-6", CLAUSE, PASS, "It has the one-click headers and a visible link.", "List-Unsubscribe"
        )
    lacks = (
        "the one-click headers"
        if link
        else "a visible link"
        if headers
        else "the one-click headers and a visible link"
    )
    is_marketing = primary_purpose(facts) in (PrimaryPurpose.COMMERCIAL, PrimaryPurpose.UNKNOWN)
    must = is_marketing and facts.people >= BULK
    return MessageFinding(
        "B-6",
        CLAUSE,
        FAIL if must else WARN,
        f"Large providers ask for both ways to unsubscribe; this message lacks {lacks}.",
        "List-Unsubscribe",
        must=must,
    )


def _format(message: ParsedMessage) -> Iterator[MessageFinding]:
    doubled = [
        name
        for name in ("From", "To", "Subject", "Date", "Message-ID", "Reply-To")
        if len(message.values(name)) > 1
    ]
    long_lines = any(len(line) > 998 for line in message.source.body.split(b"\r\n"))
    if doubled:
        yield MessageFinding(
            "B-8",
            CLAUSE,
            FAIL,
            f"The header has {doubled[0]} more than once (RFC 5322 section 3.6).",
            doubled[0],
        )
    elif long_lines:
        yield MessageFinding(
            "B-8",
            CLAUSE,
            FAIL,
            "A line has more than 998 characters, which mail servers may reject (RFC 5322 section 2.1.1).",
            "the body",
        )
    else:
        yield MessageFinding("B-8", CLAUSE, PASS, "Its format follows RFC 5322.", "the header")


def quality(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    """Yield the findings of M-1 to M-7: size, text part, alternative text, links, tracking, hidden and active content."""
    yield _size(message)
    if not message.shown.strip() and message.markup.pictures:
        yield MessageFinding(
            "M-2",
            CLAUSE,
            FAIL,
            "The message is a picture without text. Filters and people who do not see pictures can read nothing.",
            "the HTML",
        )
    elif message.html and not message.plain.strip():
        yield MessageFinding(
            "M-2",
            CLAUSE,
            WARN,
            "There is no plain-text part. Some people read email as text, and filters distrust messages without a text part.",
            "the text part",
            must=False,
        )
    else:
        yield MessageFinding("M-2", CLAUSE, PASS, "It can be read as text.", "the text part")
    yield _alternative_texts(message)
    yield from _links(message, facts)
    yield _tracking(message)
    if message.markup.hidden.strip():
        yield MessageFinding(
            "M-6",
            CLAUSE,
            WARN,
            f"It has text that readers cannot see: “{' '.join(message.markup.hidden.split())[:80]}”. Only a short preview line is usual there.",
            "hidden text",
            must=False,
        )
    if message.markup.active:
        yield MessageFinding(
            "M-7",
            CLAUSE,
            FAIL,
            f"It has elements that mail programs block: {', '.join(message.markup.active)}. Remove them.",
            "the HTML",
        )


def _size(message: ParsedMessage) -> MessageFinding:
    kilobytes = message.size / 1024
    if message.size > LARGE:
        return MessageFinding(
            "M-1",
            CLAUSE,
            FAIL,
            f"It has {kilobytes:,.0f} kB. Stay below {LARGE // 1024} kB and link to files instead.",
            "the message",
        )
    if len(message.html.encode()) > CLIPPED:
        return MessageFinding(
            "M-1",
            CLAUSE,
            WARN,
            "Its HTML is over 102 kB: Gmail clips it, and with it the opt-out at the end.",
            "the HTML",
            must=False,
        )
    return MessageFinding("M-1", CLAUSE, PASS, f"It has {kilobytes:,.0f} kB.", "the message")


def _alternative_texts(message: ParsedMessage) -> MessageFinding:
    shown = [picture for picture in message.markup.pictures if not picture.is_tiny]
    without = [picture for picture in shown if picture.alt is None]
    if without:
        name = without[0].url.rpartition("/")[2][:60] or "a picture"
        return MessageFinding(
            "M-3",
            CLAUSE,
            FAIL,
            f'{len(without)} of {len(shown)} pictures have no alternative text, such as {name} (WCAG 1.1.1). Describe what each shows, or use alt="" for decoration.',
            "the HTML",
        )
    return MessageFinding(
        "M-3",
        CLAUSE,
        PASS,
        "Every picture has its alternative text." if shown else "It has no pictures.",
        "the HTML",
    )


def _links(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    hosts = sorted({link.host for link in message.markup.links if link.host})
    shortened = sorted({link.host for link in message.markup.links if is_shortened(link)})
    other = [
        host
        for host in hosts
        if facts.own_domain and not is_ours(f"x@{host}", facts) and host not in shortened
    ]
    plain = [link for link in message.markup.links if link.url.lower().startswith("http:")]
    if shortened:
        yield MessageFinding(
            "M-4",
            CLAUSE,
            FAIL,
            f"Links through {', '.join(shortened)} hide their destination. Use the full addresses.",
            "the links",
        )
    if misleading := next((link for link in message.markup.links if _misleads(link.text, link.host)), None):
        yield MessageFinding(
            "M-4",
            CLAUSE,
            FAIL,
            f"A link shows “{misleading.text[:60]}” and goes to {misleading.host}. Show the address that it goes to.",
            "the links",
        )
    if other:
        yield MessageFinding(
            "M-4",
            CLAUSE,
            WARN,
            f"Links go outside {facts.own_domain}: {', '.join(other[:5])}. People are told not to trust such links.",
            "the links",
            must=False,
        )
    if plain:
        yield MessageFinding(
            "M-4",
            CLAUSE,
            WARN,
            f"{len(plain)} link{'s' * (len(plain) != 1)} without https.",
            "the links",
            must=False,
        )
    if not (shortened or misleading or other or plain):
        yield MessageFinding(
            "M-4",
            CLAUSE,
            PASS,
            "Its links show their destination." if hosts else "It has no links.",
            "the links",
        )


def _misleads(text: str, host: str) -> bool:
    """Whether the text of a link is one web address and the link goes to another."""
    words = text.strip().lower()
    for start in ("https://", "http://"):
        words = words.removeprefix(start)
    said = words.split("/")[0].split("?")[0].removeprefix("www.").rstrip(".")
    if (
        not host
        or " " in words
        or "." not in said
        or "@" in said
        or not said.replace(".", "").replace("-", "").isalnum()
    ):
        return False
    real = host.removeprefix("www.")
    return not (real == said or real.endswith(f".{said}"))


def _tracking(message: ParsedMessage) -> MessageFinding:
    tiny = [
        picture
        for picture in message.markup.pictures
        if picture.is_tiny and picture.url.lower().startswith("http")
    ]
    if tiny:
        return MessageFinding(
            "M-5",
            CLAUSE,
            WARN,
            f"An invisible picture tells {tiny[0].url.split('/')[2][:80]} who opens the message. Say so in the text, or remove it.",
            "the HTML",
            must=False,
        )
    return MessageFinding("M-5", CLAUSE, PASS, "No picture tracks who opens it.", "the HTML")
