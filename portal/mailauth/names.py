"""Domain names and DKIM selectors as people type them (RFC 1035 2.3.1, RFC 5890, RFC 6376 3.1)."""

import re
from dataclasses import dataclass
from typing import Final, Self

import idna

from portal.lib.dns_names import (
    LONGEST_LABEL,
    LONGEST_NAME,
    Flaw,
    NameRefused,
    Sentences,
    ascii_name,
    is_within,
)

_SELECTOR_LABEL = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_SENTENCES: Final[Sentences] = {
    Flaw.EMPTY: "Enter a domain name, such as example.edu.",
    Flaw.TOO_LONG: f"A domain name has at most {LONGEST_NAME} characters; this one has {{length}}.",
    Flaw.INVISIBLE: "There is a line break or an invisible character in it. Type the domain name anew.",
    Flaw.IP_ADDRESS: "This is an IP address. Enter a domain name, such as example.edu.",
    Flaw.WEB_ADDRESS: "This is a web address. Enter the domain name alone, such as example.edu.",
    Flaw.MAILBOX: "This is an email address. Enter only what stands after the @.",
    Flaw.SEVERAL: "Enter one domain name, without blanks or commas.",
    Flaw.WILDCARD: "Enter one domain name, without a wildcard (*).",
    Flaw.PORT: "Enter the domain name alone, without a port.",
    Flaw.SYMBOL: "There is an emoji or another symbol in it, which no domain name for mail can have.",
    Flaw.UNKNOWN_CHARACTER: "This has a character that no domain name can have, or a part that is too long. Check it.",
    Flaw.DOTS: "There are two dots side by side, or a dot at the start. Remove one.",
    Flaw.LABEL_TOO_LONG: f"Each part between dots has at most {LONGEST_LABEL} characters; one here has {{length}}.",
    Flaw.UNDERSCORE: "A mail domain has no underscore. Enter the domain itself, such as example.edu.",
    Flaw.LABEL: "A domain name has letters, digits and hyphens only, and no part begins or ends with a hyphen.",
    Flaw.PUNYCODE: "“{label}” is not the ASCII form of any name in another script. Check it.",
    Flaw.ONE_LABEL: "A domain name has at least two parts, such as example.edu. Enter the full name.",
    Flaw.NUMBER: "The last part of a domain name is never a number. Check the name.",
}


class DomainRefused(NameRefused):
    """The text is no domain name; `str(error)` says what is wrong and what to do."""


class SelectorRefused(ValueError):
    """The text is no DKIM selector; `str(error)` says what is wrong and what to do."""


@dataclass(frozen=True, order=True)
class DomainName:
    """A domain name in its ASCII form: lower case, no trailing dot, at least two labels when typed."""

    ascii: str

    def __str__(self) -> str:
        return self.ascii

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels from left to right."""
        return tuple(self.ascii.split("."))

    @property
    def unicode(self) -> str:
        """The name as its owner writes it; the ASCII form where that cannot be told."""
        try:
            return idna.decode(self.ascii)
        except idna.IDNAError:
            return self.ascii

    @property
    def parent(self) -> Self | None:
        """The name without its leftmost label; None for a single label."""
        _, _, rest = self.ascii.partition(".")
        return type(self)(rest) if rest else None

    def is_within(self, zone: "DomainName") -> bool:
        """Whether this is `zone` itself or a name below it."""
        return is_within(self.ascii, zone.ascii)


def parse_domain(text: str) -> DomainName:
    """The domain name that a person typed.

    Takes upper case, blanks around, one trailing dot and other scripts (IDNA 2008 through UTS 46).
    Raises DomainRefused with one sentence that says what is wrong and what to do.
    """
    return DomainName(ascii_name(text, _SENTENCES, DomainRefused))


def parse_selector(text: str) -> str:
    """The DKIM selector that a person typed, in lower case (RFC 6376 section 3.1).

    Raises SelectorRefused with one sentence, also where the whole key name was pasted.
    """
    selector = text.strip().lower().removesuffix(".")
    if not selector:
        raise SelectorRefused("Enter the selector, such as s1: the part before ._domainkey.")
    if "._domainkey" in selector:
        raise SelectorRefused("Enter only the selector: the part before ._domainkey.")
    if len(selector) > LONGEST_NAME - len("._domainkey.a.b"):
        raise SelectorRefused("This is too long to be a selector. Enter the part before ._domainkey alone.")
    for label in selector.split("."):
        if len(label) > LONGEST_LABEL or not _SELECTOR_LABEL.fullmatch(label):
            raise SelectorRefused(
                "A selector has letters, digits and hyphens only, such as s1 or mail-2026, "
                "and may have dots between parts."
            )
    return selector
