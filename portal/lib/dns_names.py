"""One DNS name as a person types it (RFC 1035 section 2.3.1, RFC 1123 section 2.1, RFC 5890), whatever it names.

What can be wrong is the same for a host and for a mail domain; the sentences differ, and are the caller's.
"""

import re
import unicodedata
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

import idna

LONGEST_NAME: Final = 253
LONGEST_LABEL: Final = 63
LONGEST_TYPED: Final = 1000
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IP_LIKE = re.compile(
    r"[0-9.]+|0x[0-9a-f]+|\[.*\]|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*(%[^/]*)?(/[0-9]*)?", re.IGNORECASE
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
"""The full stops of other scripts that stand for a dot (UTS 46 section 2.3)."""


class Flaw(Enum):
    """Why a text is no name."""

    EMPTY = auto()
    TOO_LONG = auto()
    """More than 253 characters; `{length}` is how many."""
    INVISIBLE = auto()
    """A line break, a control or format character."""
    IP_ADDRESS = auto()
    WEB_ADDRESS = auto()
    MAILBOX = auto()
    SEVERAL = auto()
    """Blanks, commas or semicolons."""
    WILDCARD = auto()
    PORT = auto()
    SYMBOL = auto()
    """An emoji or the like."""
    UNKNOWN_CHARACTER = auto()
    """A character that no name can have, or a part that is too long in its ASCII form."""
    DOTS = auto()
    """Two dots side by side, or one at the start."""
    LABEL_TOO_LONG = auto()
    """More than 63 characters between dots; `{length}` is how many."""
    UNDERSCORE = auto()
    LABEL = auto()
    """Another character, or a hyphen at an end."""
    PUNYCODE = auto()
    """`{label}` begins with xn-- and is not the ASCII form of anything."""
    ONE_LABEL = auto()
    NUMBER = auto()
    """The last part is a number, so that programs read the whole as an IP address (RFC 1123 section 2.1)."""


class NameRefused(ValueError):
    """The text is no name; `str(error)` says what is wrong and what to do."""


Sentences = Mapping[Flaw, str]


def ascii_name(text: str, sentences: Sentences, refused: type[NameRefused]) -> str:
    """The name in lower case, without the trailing dot; other scripts become their ASCII form (IDNA 2008 by UTS 46).

    Raises `refused` with the sentence of `sentences` for what is wrong.
    """
    flaw, name, facts = _read(text)
    if flaw is not None:
        raise refused(sentences[flaw].format(**facts))
    return name


def _read(text: str) -> tuple[Flaw | None, str, dict[str, object]]:
    typed = text.strip().translate(_DOTS)
    if (shape := _shape_flaw(typed)) is not None:
        return shape, "", {"length": len(typed)}
    try:
        name = typed if typed.isascii() else idna.encode(typed.removesuffix("."), uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return Flaw.UNKNOWN_CHARACTER, "", {}
    name = name.removesuffix(".").lower()
    if len(name) > LONGEST_NAME:
        return Flaw.TOO_LONG, "", {"length": len(name)}
    labels = name.split(".")
    for label in labels:
        if (flaw := _label_flaw(label)) is not None:
            return flaw, "", {"length": len(label), "label": label}
    if len(labels) < 2:
        return Flaw.ONE_LABEL, "", {}
    # Asked of the ASCII form: full-width digits become plain ones only there.
    return (Flaw.NUMBER if _NUMBER.fullmatch(labels[-1]) else None), name, {}


def _shape_flaw(typed: str) -> Flaw | None:  # noqa: PLR0911 - one answer for each thing that people paste
    if not typed.strip("."):
        return Flaw.EMPTY
    if len(typed) > LONGEST_TYPED:
        return Flaw.TOO_LONG
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in typed):
        return Flaw.INVISIBLE
    if _IP_LIKE.fullmatch(typed):
        return Flaw.IP_ADDRESS
    if "/" in typed or "\\" in typed:
        return Flaw.WEB_ADDRESS
    if "@" in typed:
        return Flaw.MAILBOX
    if any(char in ",;" or char.isspace() for char in typed):
        return Flaw.SEVERAL
    if "*" in typed:
        return Flaw.WILDCARD
    if ":" in typed:
        return Flaw.PORT
    return Flaw.SYMBOL if any(unicodedata.category(char) == "So" for char in typed) else None


def _label_flaw(label: str) -> Flaw | None:
    if not label:
        return Flaw.DOTS
    if len(label) > LONGEST_LABEL:
        return Flaw.LABEL_TOO_LONG
    if "_" in label:
        return Flaw.UNDERSCORE
    if not _LABEL.fullmatch(label):
        return Flaw.LABEL
    return Flaw.PUNYCODE if label.startswith("xn--") and not _is_punycode(label) else None


def _is_punycode(label: str) -> bool:
    try:
        idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return False
    return True


def is_within(name: str, zone: str) -> bool:
    """Whether `name` is `zone` itself or below it; both in lower case and without a trailing dot."""
    return name == zone or name.endswith(f".{zone}")
