"""The DNS of a host: its addresses, and the names its addresses lead back to, all asked at once.

A time-out, SERVFAIL or refusal is unknown (None); a name that does not exist, or has no such record, is a
fact (an empty list). RFC 1034 section 3.6.1, RFC 2308, RFC 3596.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from portal.mailauth.answers import Answer, Lookups
from portal.mailauth.configured import configured_resolver

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


def look_up(hostname: str, addresses: Sequence[str]) -> NameAnswer:
    """A and AAAA of `hostname` and PTR of each address, within DNS_DEADLINE_SECONDS in all."""
    asked = list(addresses)[:MOST_ADDRESSES]
    questions = [(hostname, "A"), (hostname, "AAAA")]
    questions += [(ip_address(address).reverse_pointer, "PTR") for address in asked]

    async def ask(session: Lookups) -> list[Answer]:
        return await session.ask_all(questions)

    answers = [_records(answer) for answer in configured_resolver().run(ask, reads_records=False)]
    ipv4, ipv6 = answers[:2]
    unknown = (ipv4 is None and ipv6 is None) or (not (ipv4 or ipv6) and None in (ipv4, ipv6))
    forward = None if unknown else [*(ipv4 or []), *(ipv6 or [])]
    return NameAnswer(forward, dict(zip(asked, answers[2:], strict=True)))


def _records(answer: Answer) -> list[str] | None:
    return None if answer.is_unknown else [record.rstrip(".").lower() for record in answer.records]
