"""IP addresses and ranges as people type them, parsed strictly (RFC 4632 section 3.1, RFC 4291, RFC 5952)."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
LONGEST_TEXT = 60
_LEADING_ZERO = re.compile(r"(^|\.)0\d")


class NetworkRefused(ValueError):
    """The text is no address or range we take; `str(error)` says what is wrong and what to do."""


def parse_network(text: str) -> Network:
    """One address (as /32 or /128) or one range in CIDR form, IPv4 or IPv6.

    Refuses leading zeros, host bits, IPv4 in other notations, IPv4-mapped IPv6, zone ids, ports and brackets:
    each is a spelling that two programs read differently. Raises NetworkRefused with a sentence.
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
        raise NetworkRefused(
            f"“{typed}” is no IP address. Write four numbers from 0 to 255 with dots, or an IPv6 address."
        ) from None
    if "/" in typed and str(network.network_address) != _address_text(typed):
        raise NetworkRefused(
            f"This names a single address inside a range. For the range write {network}; "
            f"for the address write {typed.partition('/')[0]}."
        )
    _refuse_special(network)
    return network


def _address_text(typed: str) -> str:
    return str(ip_address(typed.partition("/")[0]))


def _refuse_spellings(typed: str) -> None:
    if "%" in typed:
        raise NetworkRefused("Leave out the zone after “%”: it means something on one machine only.")
    if typed.startswith("[") or re.fullmatch(r"[0-9.]+:\d+", typed):
        raise NetworkRefused("Enter the address alone, without brackets or a port.")
    if "-" in typed or "*" in typed or "," in typed:
        raise NetworkRefused("Write a range in CIDR form, such as 192.0.2.8/29, and one entry in each row.")
    if ":" not in typed and _LEADING_ZERO.search(typed):
        raise NetworkRefused(
            "A number in this address begins with zero, which some programs read as octal. "
            "Write it without the zero."
        )
    if re.fullmatch(r"(0x[0-9a-f]+|\d+)", typed, re.IGNORECASE):
        raise NetworkRefused("Write the address as four numbers with dots, such as 192.0.2.25.")


def _refuse_special(network: Network) -> None:
    address = network.network_address
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None or address.sixtofour is not None
    ):
        raise NetworkRefused("This is an IPv4 address in IPv6 clothes. Write it as plain IPv4.")
    if address.is_unspecified or address.is_multicast or network.prefixlen == 0:
        raise NetworkRefused("This address does not belong to one system. Enter the system's own address.")


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
