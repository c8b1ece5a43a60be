"""Host names as people type them (RFC 952, RFC 1123 section 2.1)."""

from typing import Final

from portal.lib.dns_names import LONGEST_LABEL, LONGEST_NAME, Flaw, NameRefused, Sentences, ascii_name

_ALONE: Final = "Enter one host name alone, without a protocol, a path, an address or blanks."
_SENTENCES: Final[Sentences] = {
    Flaw.EMPTY: "Enter the host name, such as printer-12.example.edu.",
    Flaw.TOO_LONG: f"A host name has at most {LONGEST_NAME} characters; this one has {{length}}.",
    Flaw.INVISIBLE: "There is a line break or an invisible character in it. Type the name anew.",
    Flaw.IP_ADDRESS: "This is an IP address. Enter the system's host name here.",
    Flaw.WEB_ADDRESS: _ALONE,
    Flaw.MAILBOX: _ALONE,
    Flaw.SEVERAL: _ALONE,
    Flaw.WILDCARD: "Enter one host name in full, without a wildcard (*).",
    Flaw.PORT: "Enter the host name alone, without a port.",
    Flaw.SYMBOL: "There is an emoji or another symbol in it, which no host name can have.",
    Flaw.UNKNOWN_CHARACTER: "This name has a character that no host name can have, or a part that is too long. Check it.",
    Flaw.DOTS: "There are two dots side by side, or a dot at the start. Remove one.",
    Flaw.LABEL_TOO_LONG: f"Each part between dots has at most {LONGEST_LABEL} characters; one here has {{length}}.",
    Flaw.UNDERSCORE: "A host name has no underscore. Use the name that the DNS has for the system.",
    Flaw.LABEL: "A host name has letters, digits and hyphens only, and no part begins or ends with a hyphen.",
    Flaw.PUNYCODE: "A part that begins with xn-- is not the ASCII form of any name. Check it.",
    Flaw.ONE_LABEL: "Enter the full name with its domain, such as printer-12.example.edu.",
    Flaw.NUMBER: "This ends in a number, as an IP address does. Enter the system's host name here.",
}


class HostnameRefused(NameRefused):
    """The text is no host name; `str(error)` says what is wrong and what to do."""


def parse_hostname(text: str) -> str:
    """A fully qualified host name, in lower case and without the trailing dot. Raises HostnameRefused with a sentence."""
    return ascii_name(text, _SENTENCES, HostnameRefused)
