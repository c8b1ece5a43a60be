"""IP addresses in whatever spelling somebody types them (WHT-4), told apart from names and addresses.

Filters and libraries read `inet_aton` spellings, which RFC 6943 section 3.1.1 calls ambiguous: 0xC0000201,
3221225985, 0300.0.2.1 and 192.513 are all 192.0.2.1. So nothing is parsed here: whatever ends as a number is
taken for an address, as the URL Standard does ("ends in a number checker"). No domain name does: the last
label is never numeric (RFC 3696 section 2).
"""

import re
import unicodedata
from collections.abc import Iterator
from ipaddress import IPv6Address

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*|[0-9]+-[0-9]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_PORT = re.compile(r"(?<=[^:]):[0-9]{1,5}$")
_IPV6_SHAPE = re.compile(r"[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*")
_REVERSE_ZONES = (".in-addr.arpa", ".ip6.arpa")


def plain(text: str) -> str:
    """The text as a filter would read it: compatibility forms folded (１ is 1, 。 is a dot), no invisible characters."""
    folded = unicodedata.normalize("NFKC", text).translate({0x3002: ".", 0xFF0E: ".", 0xFF61: "."})
    return "".join(char for char in folded if unicodedata.category(char) != "Cf").strip().lower()


def is_ip_spelling(text: str) -> bool:
    """Whether the text, or what stands after its @, is an IP address or a range of them in any spelling."""
    return any(_is_address(candidate) for candidate in _candidates(plain(text)))


def _candidates(text: str) -> Iterator[str]:
    """What may be the address: all of it, without scheme, path, brackets, port, zone and prefix length."""
    text = _SCHEME.sub("", text, count=1)
    for part in dict.fromkeys((text, text.rpartition("@")[2])):
        yield _bare(part)
        yield _bare(_PORT.sub("", part))


def _bare(text: str) -> str:
    text = re.split(r"[/\\?#%,;\s]", text, maxsplit=1)[0]
    text = text.strip("[]()<>\"'")
    text = _PORT.sub("", text) if "]:" in text else text
    return text.strip("[]").removeprefix("ipv6:").removesuffix(".")


def _is_address(text: str) -> bool:
    if not text:
        return False
    if text.endswith(_REVERSE_ZONES):
        return True
    if _IPV6_SHAPE.fullmatch(text) or _is_ipv6(text):
        return True
    return bool(_NUMBER.fullmatch(text.rpartition(".")[2]))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
