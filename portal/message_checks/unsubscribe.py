"""One-click unsubscribe: RFC 8058 and RFC 2369 (U-1 to U-8)."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from portal.message_checks.can_spam import CLAUSE, FAIL, PASS, PERSON, UNKNOWN, WARN, is_ours
from portal.message_checks.findings import MailingFacts, MessageFinding
from portal.message_checks.parsing import ParsedMessage

_URI: Final = re.compile(r"<([^<>]+)>")
ONE_CLICK: Final = "List-Unsubscribe=One-Click"
SHORTEST_TOKEN: Final = 16
_BOTH: Final = frozenset({"list-unsubscribe", "list-unsubscribe-post"})


def unsubscribing(message: ParsedMessage, facts: MailingFacts) -> Iterator[MessageFinding]:
    """Yield the findings of U-1 to U-8, in that order."""
    uris, posts = message.values("List-Unsubscribe"), message.values("List-Unsubscribe-Post")
    yield _both_once(len(uris), len(posts))
    if not uris:
        return
    found = _URI.findall(uris[0])
    web = [uri.strip() for uri in found if uri.strip().lower().startswith("https:")]
    yield _one_web_address(found, web)
    if posts:
        yield _post_value(posts[0])
    for uri in web[:1]:
        yield from _web_address(uri, facts)
    yield _signed(message, facts)


def _both_once(uris: int, posts: int) -> MessageFinding:
    if uris == posts == 1:
        return MessageFinding(
            "U-1",
            CLAUSE,
            PASS,
            "It has List-Unsubscribe and List-Unsubscribe-Post, each once.",
            "List-Unsubscribe",
        )
    for count, name in ((uris, "List-Unsubscribe"), (posts, "List-Unsubscribe-Post")):
        if count != 1:
            word = "is missing" if count == 0 else f"appears {count} times"
            return MessageFinding(
                "U-1",
                CLAUSE,
                FAIL,
                f"The header {name} {word}. One-click unsubscribe needs both headers, each once.",
                name,
            )
    raise AssertionError("one of the two is not there once")


def _one_web_address(uris: list[str], web: list[str]) -> MessageFinding:
    if len(web) == 1:
        return MessageFinding(
            "U-2", CLAUSE, PASS, "List-Unsubscribe has one web address.", "List-Unsubscribe"
        )
    if any(uri.strip().lower().startswith("http:") for uri in uris):
        return MessageFinding(
            "U-2",
            CLAUSE,
            FAIL,
            "The web address of List-Unsubscribe is not encrypted. It must begin with https.",
            "List-Unsubscribe",
        )
    what = "has no web address" if not web else f"has {len(web)} web addresses"
    return MessageFinding(
        "U-2",
        CLAUSE,
        FAIL,
        f"List-Unsubscribe {what}; it must have exactly one in angle brackets that begins with https.",
        "List-Unsubscribe",
    )


def _post_value(value: str) -> MessageFinding:
    if value.strip() == ONE_CLICK:
        return MessageFinding(
            "U-3", CLAUSE, PASS, f"List-Unsubscribe-Post says “{ONE_CLICK}”.", "List-Unsubscribe-Post"
        )
    return MessageFinding(
        "U-3",
        CLAUSE,
        FAIL,
        f"List-Unsubscribe-Post must say exactly “{ONE_CLICK}”; it says “{value.strip()[:60]}”.",
        "List-Unsubscribe-Post",
    )


def _web_address(uri: str, facts: MailingFacts) -> Iterator[MessageFinding]:
    try:
        parts = urlsplit(uri)
        host = (parts.hostname or "").lower()
    except ValueError:
        host = ""
    if not host:
        yield MessageFinding(
            "U-2", CLAUSE, FAIL, "The web address of List-Unsubscribe is malformed.", "List-Unsubscribe"
        )
        return
    tokens = re.findall(r"[A-Za-z0-9_~=.-]+", f"{parts.path}?{parts.query}")
    if max((len(token) for token in tokens), default=0) >= SHORTEST_TOKEN:
        yield MessageFinding(
            "U-4",
            CLAUSE,
            PASS,
            "The address has a part that identifies the recipient and is hard to guess.",
            "List-Unsubscribe",
        )
    else:
        yield MessageFinding(
            "U-4",
            CLAUSE,
            WARN,
            "The address has no long, opaque part. By itself it must identify the recipient and the list, and be hard to forge. A test message may not have it.",
            "List-Unsubscribe",
            must=False,
        )
    yield MessageFinding(
        "U-5",
        CLAUSE,
        PERSON,
        f"Does {host} accept the click without a cookie or a sign-in?",
        "List-Unsubscribe",
    )
    yield MessageFinding(
        "U-6",
        CLAUSE,
        PERSON,
        f"Does {host} answer the POST itself, without a redirect?",
        "List-Unsubscribe",
    )
    yield MessageFinding(
        "U-7",
        CLAUSE,
        PERSON,
        "Do people stay subscribed if the address is only opened? Mail filters open every link.",
        "List-Unsubscribe",
    )
    if facts.own_domain and not is_ours(f"x@{host}", facts):
        yield MessageFinding(
            "U-2",
            CLAUSE,
            WARN,
            f"The unsubscribe address is on {host}, which is not ours. Does it belong to the platform?",
            "List-Unsubscribe",
            must=False,
        )


def _signed(message: ParsedMessage, facts: MailingFacts) -> MessageFinding:
    signatures = message.values("DKIM-Signature")
    if not signatures:
        return MessageFinding(
            "U-8",
            CLAUSE,
            UNKNOWN,
            "There is no DKIM signature in this copy, so nobody can tell whether both headers are signed. Have the platform send a test message.",
            "DKIM-Signature",
            must=False,
        )
    if any(signed_headers(value) >= _BOTH for value in signatures):
        return _named(facts)
    return MessageFinding(
        "U-8",
        CLAUSE,
        FAIL,
        "No DKIM signature includes both headers (h=). The platform must sign List-Unsubscribe and List-Unsubscribe-Post.",
        "DKIM-Signature",
    )


def _named(facts: MailingFacts) -> MessageFinding:
    """Return U-8 for a message with a signature that names both headers: whether a valid one covers them."""
    proved = facts.signatures
    if proved is None:
        outcome, sentence = (
            PERSON,
            ("A DKIM signature includes both headers. Is it valid? See the check of the signatures."),
        )
    elif proved.covers >= _BOTH:
        outcome, sentence = PASS, "A valid, aligned DKIM signature covers both headers."
    else:
        outcome = UNKNOWN if proved.outcome is UNKNOWN else FAIL
        sentence = f"No valid, aligned DKIM signature of this copy covers both headers. {proved.reason}"
    # This is about a copy. The platform signs again what it sends, so this bars nothing.
    return MessageFinding("U-8", CLAUSE, outcome, sentence, "DKIM-Signature", must=False)


def signed_headers(signature: str) -> set[str]:
    """Return the header names in the `h=` tag of a DKIM signature, in lower case (RFC 6376 section 3.5)."""
    for tag in signature.split(";"):
        name, equals, value = tag.partition("=")
        if equals and name.strip() == "h":
            return {part.strip().lower() for part in value.split(":")}
    return set()
