"""Host names as people type them (RFC 952, RFC 1123 section 2.1, RFC 5890)."""

import re
import unicodedata

import idna

LONGEST_NAME = 253
LONGEST_LABEL = 63
LONGEST_TYPED = 1000
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IP_LIKE = re.compile(r"[0-9.]+|\[.*\]|[^:]*:[^:]*:.*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
"""The full stops of other scripts that stand for a dot (UTS 46 section 2.3)."""


class HostnameRefused(ValueError):
    """The text is no host name; `str(error)` says what is wrong and what to do."""


def parse_hostname(text: str) -> str:
    """A fully qualified host name, in lower case and without the trailing dot.

    Names in other scripts become their ASCII form (IDNA 2008). Raises HostnameRefused with a sentence.
    """
    typed = text.strip().translate(_DOTS)
    _refuse_shapes(typed)
    name = _to_ascii(typed.removesuffix(".")).lower()
    if len(name) > LONGEST_NAME:
        raise HostnameRefused(f"A host name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    labels = name.split(".")
    for label in labels:
        _check_label(label)
    if len(labels) < 2:
        raise HostnameRefused("Enter the full name with its domain, such as printer-12.example.edu.")
    # Asked of the ASCII form: full-width digits become plain ones only there, and programs read a name that
    # ends in a number as an IP address (RFC 1123 section 2.1).
    if _NUMBER.fullmatch(labels[-1]):
        raise HostnameRefused(
            "This ends in a number, as an IP address does. Enter the system's host name here."
        )
    return name


def _refuse_shapes(typed: str) -> None:
    if not typed.strip("."):
        raise HostnameRefused("Enter the host name, such as printer-12.example.edu.")
    if len(typed) > LONGEST_TYPED:
        raise HostnameRefused(
            f"A host name has at most {LONGEST_NAME} characters; this one has {len(typed)}."
        )
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in typed):
        raise HostnameRefused("There is a line break or an invisible character in it. Type the name anew.")
    if _IP_LIKE.fullmatch(typed):
        raise HostnameRefused("This is an IP address. Enter the system's host name here.")
    if any(char in "/\\@,;" or char.isspace() for char in typed):
        raise HostnameRefused("Enter one host name alone, without a protocol, a path, an address or blanks.")
    if ":" in typed:
        raise HostnameRefused("Enter the host name alone, without a port.")
    if "*" in typed:
        raise HostnameRefused("Enter one host name in full, without a wildcard (*).")


def _to_ascii(typed: str) -> str:
    if typed.isascii():
        return typed
    try:
        return idna.encode(typed, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise HostnameRefused(
            "This name has a character that no host name can have, or a part that is too long. Check it."
        ) from None


def _check_label(label: str) -> None:
    if not label:
        raise HostnameRefused("There are two dots side by side, or a dot at the start. Remove one.")
    if len(label) > LONGEST_LABEL:
        raise HostnameRefused(
            f"Each part between dots has at most {LONGEST_LABEL} characters; one here has {len(label)}."
        )
    if "_" in label:
        raise HostnameRefused("A host name has no underscore. Use the name that the DNS has for the system.")
    if not _LABEL.fullmatch(label):
        raise HostnameRefused(
            "A host name has letters, digits and hyphens only, and no part begins or ends with a hyphen."
        )
    if label.startswith("xn--") and not _is_punycode(label):
        raise HostnameRefused("A part that begins with xn-- is not the ASCII form of any name. Check it.")


def _is_punycode(label: str) -> bool:
    try:
        idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return False
    return True


def is_within(name: str, zone: str) -> bool:
    """Whether `name` is `zone` itself or below it; both in lower case and without a trailing dot."""
    return name == zone or name.endswith(f".{zone}")
