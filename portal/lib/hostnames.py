"""Host names and domains as people type them (RFC 952, RFC 1123 section 2.1, RFC 5890)."""

import re

LONGEST_NAME = 253
LONGEST_LABEL = 63
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IP_LIKE = re.compile(r"[0-9.]+|.*:.*")


class HostnameRefused(ValueError):
    """The text is no host name; `str(error)` says what is wrong and what to do."""


def parse_hostname(text: str) -> str:
    """A fully qualified host name, in lower case and without the trailing dot.

    Names in other scripts become their ASCII form (IDNA). Raises HostnameRefused with a sentence.
    """
    name = text.strip().lower().removesuffix(".")
    if not name:
        raise HostnameRefused("Enter the host name, such as printer-12.example.edu.")
    if "/" in name or "@" in name or any(char.isspace() for char in name):
        raise HostnameRefused("Enter the host name alone, without a protocol, a path, an address or blanks.")
    if _IP_LIKE.fullmatch(name):
        raise HostnameRefused("This is an IP address. Enter the system's host name here.")
    name = _to_ascii(name)
    if len(name) > LONGEST_NAME:
        raise HostnameRefused(f"A host name has at most {LONGEST_NAME} characters; this one has {len(name)}.")
    labels = name.split(".")
    if len(labels) < 2:
        raise HostnameRefused("Enter the full name with its domain, such as printer-12.example.edu.")
    for label in labels:
        _check_label(label)
    return name


def _to_ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        raise HostnameRefused("This name has characters that no host name can have. Check it.") from None


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


def is_within(name: str, zone: str) -> bool:
    """Whether `name` is `zone` itself or below it; both in lower case and without a trailing dot."""
    return name == zone or name.endswith(f".{zone}")
