"""The DNS of a host: its addresses, and the names its addresses lead back to, all asked at once.

A time-out, SERVFAIL or refusal is unknown (None); a name that does not exist, or has no such record, is a
fact (an empty list). RFC 1034 section 3.6.1, RFC 2308, RFC 3596.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    import dns.resolver

# dnspython takes a third of a second to import; it is imported where a question is asked, not at web start.
MOST_ADDRESSES = 16


@dataclass(frozen=True)
class NameAnswer:
    """What the DNS says of a host name and some addresses."""

    forward: list[str] | None
    reverse: dict[str, list[str] | None] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        """The forward addresses, for the record."""
        return self.forward or []


def resolver() -> "dns.resolver.Resolver":
    """A resolver that asks the configured name server, or the system's, without a cache."""
    import dns.nameserver
    import dns.resolver

    configured = env_server()
    made = dns.resolver.Resolver(configure=configured is None)
    if configured is not None:
        made.nameservers = [dns.nameserver.Do53Nameserver(*configured)]
    return made


def env_server() -> tuple[str, int] | None:
    """The configured name server as (host, port)."""
    host, _, port = settings.DNS_RESOLVER.rpartition(":")
    return (host.strip("[]"), int(port)) if host else None


def look_up(hostname: str, addresses: Sequence[str]) -> NameAnswer:
    """A and AAAA of `hostname` and PTR of each address, within DNS_DEADLINE_SECONDS in all."""
    import dns.reversename

    deadline = monotonic() + settings.DNS_DEADLINE_SECONDS
    asked = list(addresses)[:MOST_ADDRESSES]
    queries = [(hostname, "A"), (hostname, "AAAA")]
    queries += [(str(dns.reversename.from_address(address)), "PTR") for address in asked]
    with ThreadPoolExecutor(max_workers=len(queries)) as pool:
        answers = list(pool.map(partial(_ask, resolver(), deadline), queries))
    ipv4, ipv6 = answers[:2]
    unknown = (ipv4 is None and ipv6 is None) or (not (ipv4 or ipv6) and None in (ipv4, ipv6))
    forward = None if unknown else [*(ipv4 or []), *(ipv6 or [])]
    return NameAnswer(forward, dict(zip(asked, answers[2:], strict=True)))


def _ask(asker: "dns.resolver.Resolver", deadline: float, query: tuple[str, str]) -> list[str] | None:
    import dns.exception
    import dns.resolver

    name, kind = query
    left = deadline - monotonic()
    if left <= 0:
        return None
    try:
        answer = asker.resolve(name, kind, lifetime=left, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
    return [record.to_text().rstrip(".").lower() for record in answer]
