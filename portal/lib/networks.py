"""IP addresses and ranges as people type them, parsed strictly (RFC 4632 section 3.1, RFC 4291, RFC 5952)."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from portal.lib.text import one_line

Network = IPv4Network | IPv6Network
LONGEST_TEXT = 60
_LEADING_ZERO = re.compile(r"(^|[./])0\d")
_OTHER_NOTATION = re.compile(
    r"0[xo][0-9a-f]+|[0-9]+|(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){1,3}", re.IGNORECASE
)
_IPV4_INSIDE = tuple(
    IPv6Network(text)
    for text in ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96", "2002::/16", "2001::/32")
)
"""IPv4-mapped, -translated, -compatible (RFC 4291 2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380)."""


class NetworkRefused(ValueError):
    """The text is no address or range we take; `str(error)` says what is wrong and what to do."""


def parse_network(text: str) -> Network:
    """One address (as /32 or /128) or one range in CIDR form, IPv4 or IPv6.

    Refuses leading zeros, host bits, netmasks, IPv4 in other notations or inside IPv6, zone ids, ports and
    brackets: each is a spelling that two programs read differently. Refuses what is no system's own address:
    unspecified, multicast, link-local, reserved. Loopback is left to the rule on campus networks, since it is
    a network like any other on a machine that tests its own mail system. Raises NetworkRefused with a sentence.
    """
    typed = text.strip()
    if not typed:
        raise NetworkRefused("Enter an IP address, such as 192.0.2.25 or 2001:db8::25.")
    if len(typed) > LONGEST_TEXT:
        raise NetworkRefused("This is too long to be an IP address. Enter one address in each row.")
    _refuse_spellings(typed)
    try:
        network = ip_network(typed, strict=False)
    except ValueError:
        raise NetworkRefused(_no_address(typed)) from None
    if "/" in typed and str(network.network_address) != _address_text(typed):
        raise NetworkRefused(
            f"This names a single address inside a range. For the range write {network}; "
            f"for the address write {typed.partition('/')[0]}."
        )
    _refuse_special(network)
    return network


def _address_text(typed: str) -> str:
    return str(ip_address(typed.partition("/")[0]))


def _no_address(typed: str) -> str:
    address, slash, _ = typed.partition("/")
    if slash and _is_address(address):
        longest = 128 if ":" in address else 32
        return f"After the slash stands one number from 0 to {longest}, as in 192.0.2.8/29. Check it."
    return f"“{one_line(typed)}” is no IP address. Write four numbers from 0 to 255 with dots, or an IPv6 address."


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _refuse_spellings(typed: str) -> None:
    address, slash, length = typed.partition("/")
    if "%" in typed:
        raise NetworkRefused("Leave out the zone after “%”: it means something on one machine only.")
    if typed.startswith("[") or re.fullmatch(r"[0-9.]+:\d+", typed):
        raise NetworkRefused("Enter the address alone, without brackets or a port.")
    if any(char in typed for char in "-*,;") or len(typed.split()) > 1:
        raise NetworkRefused("Write a range in CIDR form, such as 192.0.2.8/29, and one entry in each row.")
    if slash and "." in length:
        raise NetworkRefused(
            "Write the range with its length in bits and not with a netmask, as in 192.0.2.8/29."
        )
    if (":" not in typed and _LEADING_ZERO.search(typed)) or (length.startswith("0") and length != "0"):
        raise NetworkRefused(
            "A number in this address begins with zero, which some programs read as octal. "
            "Write it without the zero."
        )
    if _OTHER_NOTATION.fullmatch(address) and not _is_quad(address):
        raise NetworkRefused("Write the address as four numbers from 0 to 255 with dots, such as 192.0.2.25.")


def _is_quad(address: str) -> bool:
    return re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", address) is not None


def _refuse_special(network: Network) -> None:
    if network.is_loopback:
        return
    ends = (network.network_address, network.broadcast_address)
    if network.prefixlen == 0 or any(end.is_unspecified or end.is_multicast for end in ends):
        raise NetworkRefused("This address does not belong to one system. Enter the system's own address.")
    if isinstance(network, IPv6Network) and any(network.overlaps(other) for other in _IPV4_INSIDE):
        raise NetworkRefused("This is an IPv4 address in IPv6 notation. Write it as plain IPv4.")
    if any(end.is_link_local for end in ends):
        raise NetworkRefused(
            "This address counts on one cable only (link-local). Enter the address that the campus knows."
        )
    if any(end.is_reserved for end in ends):
        raise NetworkRefused(
            "This address is reserved: no system can have it. Enter the system's own address."
        )


def shown(network: Network) -> str:
    """The network as people write it: without the prefix length where it is one address."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def is_inside(network: Network, others: tuple[Network, ...]) -> bool:
    """Whether the whole of `network` lies within one of `others`."""
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in others
    )


def overlaps(network: Network, other: Network) -> bool:
    """Whether the two have an address in common."""
    return network.version == other.version and network.overlaps(other)
