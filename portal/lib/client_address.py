"""The client address of a request, for throttles and records.

A proxy of ours appends the address it was asked from to X-Forwarded-For, so of `TRUSTED_PROXIES` proxies the client is
the entry that many places from the right; entries further left come from the client. Without a proxy of ours
the header comes from the client and is ignored.
"""

import ipaddress
import logging
from typing import Final

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)
UNKNOWN: Final = "unknown"
"""The address of all clients without a known one: behind proxies that send no header, or on a Unix socket."""
LONGEST_HEADER: Final = 4096
IPV6_PREFIX: Final = 64
"""One customer or device has a /64 at least (RFC 6177, RFC 4291 section 2.5.4), and any address in it."""


def client_address(request: HttpRequest) -> str:
    """The client's IP address in its shortest form, or UNKNOWN."""
    proxies: int = settings.TRUSTED_PROXIES
    if not proxies:
        return _parsed(request.META.get("REMOTE_ADDR", "")) or UNKNOWN
    header = request.META.get("HTTP_X_FORWARDED_FOR", "")
    entries = header[-LONGEST_HEADER:].split(",")
    found = _parsed(entries[-proxies]) if len(entries) >= proxies else ""
    if not found:
        logger.warning(
            "X-Forwarded-For has no address at place %s from the right: is TRUSTED_PROXIES right?", proxies
        )
    return found or UNKNOWN


def client_network(request: HttpRequest) -> str:
    """What limits count by: the IPv4 address, or the IPv6 network of /64 that the client's address lies in."""
    address = client_address(request)
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


def _parsed(text: str) -> str:
    """An address without port, brackets and zone, an IPv4-mapped one as IPv4; "" for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
