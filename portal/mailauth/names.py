"""Domain names and DKIM selectors as people type them (RFC 1035 2.3.1, RFC 5890, RFC 6376 3.1)."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

import idna

LONGEST_NAME = 253
LONGEST_LABEL = 63
LONGEST_TYPED = 1000
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SELECTOR_LABEL = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9.]+|0x[0-9a-f]+|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*", re.IGNORECASE)
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
"""The three full stops of other scripts that stand for a dot (UTS 46 section 2.3)."""


class DomainRefused(ValueError):
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
        return self == zone or self.ascii.endswith(f".{zone.ascii}")


def parse_domain(text: str) -> DomainName:
    """The domain name that a person typed.

    Takes upper case, blanks around, one trailing dot and other scripts (IDNA 2008 through UTS 46).
    Raises DomainRefused with one sentence that says what is wrong and what to do.
    """
    typed = text.strip().translate(_DOTS)
    _refuse_shapes(typed)
    name = _to_ascii(typed.removesuffix(".")).lower()
    if len(name) > LONGEST_NAME:
        raise DomainRefused(f"A domain name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    labels = name.split(".")
    for label in labels:
        _check_label(label)
    if len(labels) < 2:
        raise DomainRefused("A domain name has at least two parts, such as example.edu. Enter the full name.")
    if labels[-1].isdigit():
        raise DomainRefused("The last part of a domain name is never a number. Check the name.")
    return DomainName(name)


def _refuse_shapes(typed: str) -> None:
    if not typed.strip("."):
        raise DomainRefused("Enter a domain name, such as example.edu.")
    if len(typed) > LONGEST_TYPED:
        raise DomainRefused(
            f"A domain name has at most {LONGEST_NAME} characters; this is {len(typed)} long."
        )
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in typed):
        raise DomainRefused(
            "There is a line break or an invisible character in it. Type the domain name anew."
        )
    if "://" in typed or "/" in typed or "\\" in typed:
        raise DomainRefused("This is a web address. Enter the domain name alone, such as example.edu.")
    if "@" in typed:
        raise DomainRefused("This is an e-mail address. Enter only what stands after the @.")
    if any(char.isspace() for char in typed) or "," in typed or ";" in typed:
        raise DomainRefused("Enter one domain name, without blanks or commas.")
    if "*" in typed:
        raise DomainRefused("Enter one domain name, without a wildcard (*).")
    if _NUMERIC.fullmatch(typed.strip("[]")):
        raise DomainRefused("This is an IP address. Enter a domain name, such as example.edu.")
    if ":" in typed:
        raise DomainRefused("Enter the domain name alone, without a port.")


def _to_ascii(typed: str) -> str:
    if typed.isascii():
        return typed
    if any(unicodedata.category(char) == "So" for char in typed):
        raise DomainRefused(
            "There is an emoji or another symbol in it, which no domain name for mail can have."
        )
    try:
        return idna.encode(typed, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise DomainRefused(
            "This has a character that no domain name can have, or a part that is too long. Check it."
        ) from None


def _check_label(label: str) -> None:
    if not label:
        raise DomainRefused("There are two dots side by side, or a dot at the start. Remove one.")
    if len(label) > LONGEST_LABEL:
        raise DomainRefused(
            f"Each part between dots has at most {LONGEST_LABEL} characters; one here has {len(label)}."
        )
    if "_" in label:
        raise DomainRefused("A mail domain has no underscore. Enter the domain itself, such as example.edu.")
    if not _LABEL.fullmatch(label):
        raise DomainRefused(
            "A domain name has letters, digits and hyphens only, and no part begins or ends with a hyphen."
        )
    if label.startswith("xn--"):
        _check_punycode(label)


def _check_punycode(label: str) -> None:
    try:
        idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        raise DomainRefused(
            f"“{label}” is not the ASCII form of any name in another script. Check it."
        ) from None


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
