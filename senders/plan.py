"""What a request or a grant plans, as plain values: the checks and the DNS text work on these alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from portal.mailauth.dkim_key import LONGEST_RECORD, parse_key
from portal.mailauth.names import DomainRefused, SelectorRefused, parse_domain, parse_selector

_PRINTABLE = re.compile(r"[\x20-\x7e]+")
LONGEST_ROW = 2000


class PlanRefused(ValueError):
    """The text is no part of a DKIM plan; `str(error)` says what is wrong and what to do."""


@dataclass(frozen=True)
class KeyPlan:
    """One selector: an alias of the vendor's name (CNAME), or a key record (TXT)."""

    selector: str
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.selector} {self.value}"

    def name(self, signing_domain: str) -> str:
        """Where it stands in the DNS (RFC 6376 section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{signing_domain}"


@dataclass(frozen=True)
class Plan:
    """Everything about one service that the DNS knows, or will know."""

    addresses: Sequence[str]
    sending_domain: str
    envelope_domain: str
    signing_domain: str
    keys: Sequence[KeyPlan]
    spf_term: str
    is_subdomain: bool

    @property
    def from_domains(self) -> frozenset[str]:
        """The domains that may stand in From."""
        return frozenset(address.rpartition("@")[2] for address in self.addresses)


def parse_key_plan(text: str) -> KeyPlan:
    """One row: a selector, a blank, then the vendor's name for it or the whole key record.

    Raises PlanRefused with one sentence.
    """
    typed = " ".join(text.split())
    if not _PRINTABLE.fullmatch(typed) or len(typed) > LONGEST_ROW:
        raise PlanRefused("Enter the selector, a blank, and the target or the key, in plain characters.")
    first, _, rest = typed.partition(" ")
    rest = rest.removeprefix("CNAME ").removeprefix("TXT ").strip().strip('"')
    if not rest:
        raise PlanRefused(
            "After the selector, enter a blank and the vendor’s name for its key, such as "
            "s1 s1.dkim.vendor.example, or the key itself, beginning with v=DKIM1."
        )
    try:
        selector = parse_selector(first)
    except SelectorRefused as error:
        raise PlanRefused(str(error)) from None
    return _key_record(selector, rest) if "=" in rest else _alias(selector, rest)


def _key_record(selector: str, record: str) -> KeyPlan:
    if len(record) > LONGEST_RECORD or '"' in record or "\\" in record:
        raise PlanRefused("The key is one line, beginning with v=DKIM1, without quotes inside.")
    key = parse_key(record)
    if not key.usable:
        raise PlanRefused(f"AUT-3: receivers will not use this key. {key.notes[0].text}")
    return KeyPlan(selector, "TXT", record)


def _alias(selector: str, target: str) -> KeyPlan:
    # The name of a key has an underscore, which no mail domain has: only what follows it is a domain.
    head, mark, tail = target.lower().rstrip(".").partition("._domainkey.")
    try:
        if not mark:
            return KeyPlan(selector, "CNAME", str(parse_domain(target)))
        return KeyPlan(selector, "CNAME", f"{parse_selector(head)}._domainkey.{parse_domain(tail)}")
    except (DomainRefused, SelectorRefused) as error:
        raise PlanRefused(f"What follows the selector is no name of a key. {error}") from None
