"""Finding a postal address and an opt-out in English text (CS-4, CS-5, CS-8, CS-9, CS-14)."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from portal.message_checks.markup import Link

_STATES: Final = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK "
    "OR PA PR RI SC SD TN TX UT VT VA WA WV WI WY"
).replace(" ", "|")
_PLACE: Final = rf"[A-Za-z][A-Za-z.'\- ]{{1,40}},?\s+(?:{_STATES}|Texas)\.?,?\s+\d{{5}}(?:-\d{{4}})?\b"
_STREET: Final = (
    r"\b\d{1,6}[A-Za-z]?\s+(?:[A-Za-z0-9.'\-]+\s+){0,5}?"
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|drive|dr|lane|ln|way|court|ct|circle|cir|plaza|parkway|pkwy|"
    r"highway|hwy|place|pl|loop|square|sq|trail|terrace)\b\.?"
)
_NAMED: Final = r"\b\d{1,6}\s+(?-i:[A-Z][\w.'\-]*(?:\s+[A-Z0-9][\w.'\-]*){0,4})\s*(?=[,\n])"
"""A street without a word such as "Street", for example 2500 Broadway: a number and a name, then the city."""
_BOX: Final = r"\b(?:P\.?\s?O\.?\s?Box|Post Office Box|Box|MS|Mail Stop|PMB)\s+#?\d{1,7}\b"
_ADDRESS: Final = re.compile(
    rf"(?:{_STREET}|{_BOX}|{_NAMED})[^@]{{0,120}}?{_PLACE}", re.IGNORECASE | re.DOTALL
)
_CODE: Final = re.compile(r"(?<=\s)\d{5}(?:-\d{4})?\b")
_STATE: Final = re.compile(rf"\b(?:{_STATES}|Texas)\.?,?\s{{1,10}}$", re.IGNORECASE)
_BEFORE: Final = 400
"""Characters before a ZIP code in which the rest of the address must be."""
_MOST_CODES: Final = 25
"""ZIP codes that are looked at from the beginning, and as many from the end, where an address usually is."""

OPT_OUT: Final = re.compile(
    r"\b(?:unsubscribe|opt[\s-]?out|opting out|stop receiving|no longer (?:wish|want) to (?:receive|get|hear)|"
    r"remove (?:me|yourself|your (?:name|address))|leave this list|do not (?:wish|want) to (?:receive|get))\b",
    re.IGNORECASE,
)
MENU: Final = re.compile(
    r"\b(?:manage|update|change|edit)\b.{0,30}\b(?:preferences|subscriptions?|settings)\b", re.IGNORECASE
)
NONE_OF_THESE: Final = re.compile(
    r"\b(?:all (?:mail|e-?mails?|messages|lists?)|everything|none of these|unsubscribe from all)\b",
    re.IGNORECASE,
)
ADVERTISES: Final = re.compile(
    r"\b(?:advertis(?:ement|ing)|promotional (?:message|e-?mail|mail)|solicitation|sponsored message)\b|^ADV:",
    re.IGNORECASE,
)
_SIGN_IN: Final = re.compile(
    r"(?:^|[/._-])(?:login|log-in|signin|sign-in|sso|cas|shibboleth|saml|oauth)(?:[/._?-]|$)", re.IGNORECASE
)

SHORTENERS: Final = frozenset(
    [
        "bit.ly",
        "bitly.com",
        "buff.ly",
        "cutt.ly",
        "dub.co",
        "goo.gl",
        "is.gd",
        "lnkd.in",
        "ow.ly",
        "rb.gy",
        "rebrand.ly",
        "s.id",
        "short.io",
        "shorturl.at",
        "t.co",
        "t.ly",
        "tiny.cc",
        "tinyurl.com",
        "trib.al",
        "v.gd",
    ]
)
"""Hosts of well-known link shorteners, compiled from general knowledge on November 23, 2026."""


def postal_address(text: str) -> str:
    """Return the first postal address of the United States in the text, on one line; "" if there is none.

    An address is a street or a box, a city and a ZIP code. 16 CFR 316.2(p): a street address, or a registered post
    office box or private mailbox.
    """
    # Backward from each ZIP code: searching for a street first takes seconds in a text full of numbers.
    ends = [
        match.end()
        for match in _CODE.finditer(text)
        if _STATE.search(text, max(match.start() - 30, 0), match.start())
    ]
    for end in dict.fromkeys((*ends[:_MOST_CODES], *ends[-_MOST_CODES:])):
        match = _ADDRESS.search(text[max(end - _BEFORE, 0) : end])
        if match:
            return " ".join(match[0].split())
    return ""


def opt_out_links(links: Iterable[Link]) -> list[Link]:
    """Return the visible links that opt out, recognized by their text or their address."""
    return [
        link
        for link in links
        if not link.is_hidden and (OPT_OUT.search(link.text) or OPT_OUT.search(_path_of(link.url)))
    ]


def asks_sign_in(url: str) -> bool:
    """Whether an address looks like a sign-in page, which an opt-out must not require (16 CFR 316.5)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(_SIGN_IN.search(f"{parts.hostname or ''}{parts.path}"))


def is_shortened(link: Link) -> bool:
    """Whether a link hides its destination behind a link shortener."""
    return link.host.removeprefix("www.") in SHORTENERS


def _path_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return re.sub(r"[/_.?&=+%-]+", " ", f"{parts.path} {parts.query}")[:500]
