"""Which URLs and addresses an endpoint may have.

The portal can reach more hosts than a stranger outside, so an endpoint's URL must not lead there (server-side request forgery, OWASP). The URL is parsed once, here, and the connection uses the parsed parts. The address is checked again at each delivery, on the address that is then connected to, so that a changed DNS record (DNS rebinding) has no effect.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

from portal.lib.hostnames import HostnameRefused, parse_hostname
from portal.mailauth.configured import configured_resolver
from portal.mailauth.resolver import Session

Address = IPv4Address | IPv6Address
LONGEST_URL = 500
_PORTS = {"https": 443, "http": 80}
_PATH = re.compile(r"[!-~]*")
_NOT_PUBLIC = tuple(
    IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "100.64.0.0/10")
)
"""Networks of the IANA special-purpose registry that `is_global` accepts in some Python versions."""
_PUBLIC_6 = IPv6Network("2000::/3")
"""Global unicast (RFC 4291 section 2.4): what is outside has no public machines, or an IPv4 address inside."""
_NOT_PUBLIC_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Protocol assignments with Teredo (RFC 4380), documentation (RFC 3849, 9637), 6to4 (RFC 3056)."""


class UrlRefused(ValueError):
    """No endpoint may have this URL; `str(error)` says why and what to do."""


@dataclass(frozen=True)
class Target:
    """A parsed URL: host, port and path."""

    scheme: str
    host: str
    """A host name in lower case, or an IP address without brackets."""
    port: int
    path: str
    """The path with its query, beginning with a slash."""

    @property
    def url(self) -> str:
        """The URL in canonical form."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def literal(self) -> Address | None:
        """The address that the URL names, where it names one."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def parse_url(text: str) -> Target:
    """A URL as an endpoint may have it: https, without a user, a fragment, blanks or unusual spellings of hosts.

    Plain http is taken for a literal loopback address alone, and only where WEBHOOK_PLAIN_HTTP is set (DEBUG).
    Raises UrlRefused with a sentence. Whether the host may be reached is for `check_host`.
    """
    typed = text.strip()
    if len(typed) > LONGEST_URL:
        raise UrlRefused(f"A URL has at most {LONGEST_URL} characters here.")
    if "\\" in typed or any(unicodedata.category(char)[0] in "CZ" for char in typed):
        raise UrlRefused("There is a blank, a backslash or an invisible character in it. Type the URL anew.")
    try:
        parts = urlsplit(typed)
        port = parts.port
    except ValueError:
        raise UrlRefused("This is not a URL. Write one such as https://hooks.example.edu/techmail.") from None
    if parts.scheme not in _PORTS or not parts.netloc:
        raise UrlRefused("Write the whole URL, such as https://hooks.example.edu/techmail.")
    if "@" in parts.netloc:
        raise UrlRefused("Leave out the user and the password. Deliveries are signed instead.")
    if parts.fragment or typed.endswith("#"):
        raise UrlRefused("Leave out the part after “#”: no server ever sees it.")
    if port == 0:
        raise UrlRefused("No server has the port 0.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _PATH.fullmatch(path):
        raise UrlRefused("Write the path in ASCII: other characters as % and two digits each.")
    target = Target(parts.scheme, _host(parts.netloc), port or _PORTS[parts.scheme], path)
    if target.scheme == "http" and not _may_be_plain(target):
        raise UrlRefused("Write https: what goes there names requests and must not be read on the way.")
    return target


def _host(netloc: str) -> str:
    """The host of `netloc`: an IPv6 address in brackets, four plain numbers, or a full host name."""
    if netloc.startswith("["):
        inside, bracket, rest = netloc[1:].partition("]")
        try:
            if bracket and "%" not in inside and re.fullmatch(r"(:\d*)?", rest, re.ASCII):
                return str(IPv6Address(inside))
        except ValueError:
            pass
        raise UrlRefused("Between the brackets stands no IPv6 address.")
    host = re.sub(r":\d*\Z", "", netloc, flags=re.ASCII)
    try:
        return str(IPv4Address(host))
    except ValueError:
        pass
    try:
        return parse_hostname(host)
    except HostnameRefused as error:
        raise UrlRefused(str(error)) from None


def _may_be_plain(target: Target) -> bool:
    return settings.WEBHOOK_PLAIN_HTTP and target.literal is not None and target.literal.is_loopback


def is_allowed(address: Address) -> bool:
    """Whether a delivery may go to `address`: a public one, or one of WEBHOOK_NETWORKS."""
    if any(address in network for network in settings.WEBHOOK_NETWORKS if network.version == address.version):
        return True
    if isinstance(address, IPv4Address):
        barred = address.is_multicast or any(address in network for network in _NOT_PUBLIC)
        return address.is_global and not barred
    return (
        address.is_global
        and address in _PUBLIC_6
        and not any(address in network for network in _NOT_PUBLIC_6)
    )


def check_host(target: Target) -> None:
    """Raise UrlRefused where the host has no address to which a delivery may go.

    If the DNS does not answer now, the URL is accepted: each delivery asks again, and is not sent without an answer.
    """
    try:
        found = addresses_of(target)
    except DnsSilent:
        return
    if not found:
        raise UrlRefused(f"The DNS has no address for {target.host}. Check the name.")
    if not any(is_allowed(address) for address in found):
        raise UrlRefused(
            f"{target.host} lies in a private network, on this machine, or nowhere at all. "
            "If it is meant, name its network in WEBHOOK_NETWORKS."
        )


class DnsSilent(Exception):
    """Whether the host has an address cannot be told now; `str(error)` says why."""


def addresses_of(target: Target) -> list[Address]:
    """The addresses of the host, IPv4 first; none where the DNS knows no such name. Raises DnsSilent."""
    if target.literal is not None:
        return [target.literal]
    questions = [(target.host, "A"), (target.host, "AAAA")]

    async def ask(session: Session) -> list[Address]:
        answers = await session.ask_all(questions)
        found = [ip_address(record) for answer in answers for record in answer.records]
        unanswered = next((answer for answer in answers if answer.is_unknown), None)
        if not found and unanswered:
            raise DnsSilent(unanswered.why)
        return found

    return configured_resolver().run(ask, reads_records=False)
