"""What mailbox providers ask of bulk senders, and what makes a message good mail (B-1 to B-8, M-1 to M-7)."""

from collections.abc import Iterator
from typing import Final

from portal.message_checks.can_spam import CLAUSE, FAIL, PASS, PERSON, UNKNOWN, WARN, is_ours
from portal.message_checks.findings import CampaignFacts, MessageFinding, Purpose, primary_purpose
from portal.message_checks.parsing import CampaignMessage
from portal.message_checks.postal import is_shortened, opt_out_links

BULK: Final = 5000
"""Messages a day to one provider's people from which its bulk rules hold."""
CLIPPED: Final = 102 * 1024
"""Octets of HTML beyond which Gmail cuts a message off."""
LARGE: Final = 500 * 1024


def bulk_rules(message: CampaignMessage, facts: CampaignFacts) -> Iterator[MessageFinding]:
    """The providers' rules, in their order. A file proves neither SPF nor the server; those are a person's."""
    yield _authenticated(message, facts)
    if len(message.senders) == 1:
        yield MessageFinding(
            "B-2",
            CLAUSE,
            PERSON,
            f"Does mail of {message.senders[0].rpartition('@')[2]} pass DMARC from this platform?",
            "From",
        )
    yield MessageFinding(
        "B-3", CLAUSE, PERSON, "Do the platform’s servers have forward and reverse names?", "the platform"
    )
    yield MessageFinding("B-4", CLAUSE, PERSON, "Does the platform send over TLS?", "the platform")
    yield MessageFinding(
        "B-5",
        CLAUSE,
        PERSON,
        "Complaints must stay below 0.3 %, better 0.1 %. Are the stop limits set so?",
        "the stop limits",
    )
    yield _one_click_and_link(message, facts)
    if facts.people >= BULK:
        yield MessageFinding(
            "B-7",
            CLAUSE,
            PERSON,
            f"{facts.people:,} people: all units’ mail of our domain counts together at each provider. Is the rate low enough?",
            "the audience",
        )
    yield from _format(message)


def _authenticated(message: CampaignMessage, facts: CampaignFacts) -> MessageFinding:
    """A signature of this copy; it is advice, since the platform signs anew what it sends."""
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
            ("It has a DKIM signature. Is it valid and aligned? The check of signatures says so."),
        )
    else:
        outcome, sentence = facts.signatures.outcome, facts.signatures.reason
    return MessageFinding("B-1", CLAUSE, outcome, sentence, "DKIM-Signature", must=False)


def _one_click_and_link(message: CampaignMessage, facts: CampaignFacts) -> MessageFinding:
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
    is_marketing = primary_purpose(facts) in (Purpose.COMMERCIAL, Purpose.UNKNOWN)
    must = is_marketing and facts.people >= BULK
    return MessageFinding(
        "B-6",
        CLAUSE,
        FAIL if must else WARN,
        f"Large providers ask for both ways to unsubscribe; it lacks {lacks}.",
        "List-Unsubscribe",
        must=must,
    )


def _format(message: CampaignMessage) -> Iterator[MessageFinding]:
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
            f"The header {doubled[0]} is there more than once (RFC 5322 section 3.6).",
            doubled[0],
        )
    elif long_lines:
        yield MessageFinding(
            "B-8",
            CLAUSE,
            FAIL,
            "A line has more than 998 characters, which no mail server has to take (RFC 5322 section 2.1.1).",
            "the body",
        )
    else:
        yield MessageFinding("B-8", CLAUSE, PASS, "Its form is that of RFC 5322.", "the header")


def quality(message: CampaignMessage, facts: CampaignFacts) -> Iterator[MessageFinding]:
    """Size, text part, alternative texts, links, tracking, hidden and active content."""
    yield _size(message)
    if not message.shown.strip() and message.markup.pictures:
        yield MessageFinding(
            "M-2",
            CLAUSE,
            FAIL,
            "It is a picture without text. People who do not see pictures, and filters, read nothing.",
            "the HTML",
        )
    elif message.html and not message.plain.strip():
        yield MessageFinding(
            "M-2",
            CLAUSE,
            WARN,
            "There is no plain-text part. Some people read mail as text, and filters distrust mail without one.",
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
            f"It has text that readers do not see: “{' '.join(message.markup.hidden.split())[:80]}”. Only a short preview line is usual.",
            "hidden text",
            must=False,
        )
    if message.markup.active:
        yield MessageFinding(
            "M-7",
            CLAUSE,
            FAIL,
            f"It has what mail programs block: {', '.join(message.markup.active)}. Take it out.",
            "the HTML",
        )


def _size(message: CampaignMessage) -> MessageFinding:
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
            "Its HTML is over 102 kB: Gmail cuts it off, and the opt-out at the end with it.",
            "the HTML",
            must=False,
        )
    return MessageFinding("M-1", CLAUSE, PASS, f"It has {kilobytes:,.0f} kB.", "the message")


def _alternative_texts(message: CampaignMessage) -> MessageFinding:
    shown = [picture for picture in message.markup.pictures if not picture.is_tiny]
    without = [picture for picture in shown if picture.alt is None]
    if without:
        name = without[0].url.rpartition("/")[2][:60] or "a picture"
        return MessageFinding(
            "M-3",
            CLAUSE,
            FAIL,
            f'{len(without)} of {len(shown)} pictures have no alternative text, such as {name} (WCAG 1.1.1). Say what each shows, or alt="" for decoration.',
            "the HTML",
        )
    return MessageFinding(
        "M-3",
        CLAUSE,
        PASS,
        "Every picture has its alternative text." if shown else "It has no pictures.",
        "the HTML",
    )


def _links(message: CampaignMessage, facts: CampaignFacts) -> Iterator[MessageFinding]:
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
            f"Links by {', '.join(shortened)} hide where they lead. Use the full addresses.",
            "the links",
        )
    if misleading := next((link for link in message.markup.links if _misleads(link.text, link.host)), None):
        yield MessageFinding(
            "M-4",
            CLAUSE,
            FAIL,
            f"A link says “{misleading.text[:60]}” and leads to {misleading.host}. Let it say where it leads.",
            "the links",
        )
    if other:
        yield MessageFinding(
            "M-4",
            CLAUSE,
            WARN,
            f"Links lead outside of {facts.own_domain}: {', '.join(other[:5])}. People are told not to trust such links.",
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
            "Its links say where they lead." if hosts else "It has no links.",
            "the links",
        )


def _misleads(text: str, host: str) -> bool:
    """Whether a link's words are one web address and it leads to another."""
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


def _tracking(message: CampaignMessage) -> MessageFinding:
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
            f"A picture that nobody sees tells {tiny[0].url.split('/')[2][:80]} who opens the mail. Say so in the text, or take it out.",
            "the HTML",
            must=False,
        )
    return MessageFinding("M-5", CLAUSE, PASS, "No picture tracks who opens it.", "the HTML")
