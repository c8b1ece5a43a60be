"""What can be searched for among permissions, as types; each kind searches its own rows for them.

An incident asks "which permissions allow this now?". The parsers here (`parse_system` and others) turn the text that a person typed into one of these types, and the hooks of `GrantingKind` return `Hit`s.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from portal.lib.addresses import parse_mailbox
from portal.lib.domain_index import AtOrBelow, MailboxAtOrBelow
from portal.lib.hostnames import parse_hostname
from portal.lib.networks import Network, overlaps, parse_network, shown
from portal.lib.text import truncate
from portal.mailauth.names import DomainRefused, parse_domain, parse_selector

SHORTEST_NAME = 3
LONGEST_NAME = 100
CHUNK = 5000
_DOMAINKEY = "._domainkey"
_IP_LIKE = re.compile(r"\[.*\]|[0-9./*\-]+|[0-9a-f.]*:[0-9a-f:.]*(%[^/]*)?(/.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class NetworkSubject:
    """An IP address, or a range in CIDR form."""

    network: Network

    def __str__(self) -> str:
        return shown(self.network)

    def allowed_by(self, network: Network) -> str:
        """Why a permission for `network` concerns this, as a phrase; "" if they share no address."""
        if not overlaps(network, self.network):
            return ""
        if network == self.network:
            return f"allows {self}"
        if network.prefixlen < self.network.prefixlen:
            return f"allows {self} in {shown(network)}"
        return f"allows {shown(network)} in {self}"


@dataclass(frozen=True)
class MailboxSubject:
    """One email address, in lower case."""

    address: str

    def __str__(self) -> str:
        return self.address

    @property
    def domain(self) -> str:
        """The domain of the address."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True)
class HostSubject:
    """One host name, exactly."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class DomainSubject:
    """A domain with everything below it: its hosts, its addresses, the names of its DKIM keys."""

    name: str

    def __str__(self) -> str:
        return self.name

    def has(self, name: str) -> bool:
        """Whether `name` is the domain or lies below it."""
        return name.lower() == self.name or name.lower().endswith(f".{self.name}")


@dataclass(frozen=True)
class KeySubject:
    """A DKIM key by its selector, for one signing domain or ("") any."""

    selector: str
    domain: str = ""

    def __str__(self) -> str:
        return f"{self.selector}{_DOMAINKEY}.{self.domain}" if self.domain else self.selector


@dataclass(frozen=True)
class NameSubject:
    """A service, platform or vendor by name, or the reference of a permission."""

    words: str

    def __str__(self) -> str:
        return self.words

    def names(self, text: str) -> bool:
        """Whether `text` contains the words, at word beginnings and without regard to case."""
        return re.search(rf"(?<!\w){re.escape(self.words)}", text, re.IGNORECASE) is not None


@dataclass(frozen=True)
class PersonSubject:
    """A person, or a functional mailbox, by address in lower case."""

    address: str

    def __str__(self) -> str:
        return self.address


Subject = (
    NetworkSubject | MailboxSubject | HostSubject | DomainSubject | KeySubject | NameSubject | PersonSubject
)


@dataclass(frozen=True)
class Hit:
    """One permission or request that a subject concerns, and the reason as a phrase."""

    pk: int
    why: str


@dataclass(frozen=True)
class Vendor:
    """The vendor of a permission: its approved name, and its own domains."""

    name: str
    domains: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Basis:
    """The basis of a search for dependent permissions: the permissions found, and their vendors."""

    subject: Subject
    grants: frozenset[int]
    vendors: frozenset[Vendor] = frozenset()


# ---------------------------------------------------------------- from what a person typed
def parse_system(text: str) -> NetworkSubject | MailboxSubject | HostSubject:
    """An address or range, an email address, or a host name. Raises ValueError with one sentence for anything else."""
    typed = text.strip()
    if not typed:
        raise ValueError("Enter a host name, an IP address or range, or a sender's email address.")
    if "@" in typed:
        return MailboxSubject(str(parse_mailbox(typed)))
    if _IP_LIKE.fullmatch(typed):
        return NetworkSubject(parse_network(typed))
    return HostSubject(parse_hostname(typed))


def parse_vendor(text: str) -> DomainSubject:
    """A domain, also where it is written as `@vendor.example` or `*.vendor.example`. Raises ValueError."""
    typed = text.strip().removeprefix("@").removeprefix("*.")
    if _DOMAINKEY in typed.lower():
        raise ValueError("This is the name of a DKIM key. Choose “A DKIM key”, or enter the domain after it.")
    try:
        return DomainSubject(str(parse_domain(typed)))
    except DomainRefused as error:
        if typed and "." not in typed:
            raise ValueError(
                "Enter the vendor's domain, such as vendor.example. "
                "To find it by name, choose “A service, platform or vendor by name”."
            ) from None
        raise ValueError(str(error)) from None


def parse_key(text: str) -> KeySubject:
    """A selector, or the whole name of a key. Raises ValueError with one sentence."""
    head, mark, tail = text.strip().lower().removesuffix(".").partition(_DOMAINKEY)
    if not mark:
        return KeySubject(parse_selector(head))
    if tail and not tail.startswith("."):
        raise ValueError("Enter the name of a key, such as s1._domainkey.example.edu, or its selector alone.")
    return KeySubject(parse_selector(head), str(parse_domain(tail[1:])) if tail[1:] else "")


def parse_name(text: str) -> NameSubject:
    """A service, platform or vendor by name. Raises ValueError if the words would match too much or nothing."""
    words = " ".join(text.split())
    if any(not sign.isprintable() for sign in words):
        raise ValueError("There is an invisible character in it. Type the name again.")
    if not SHORTEST_NAME <= len(words) <= LONGEST_NAME:
        raise ValueError(f"Enter a name of {SHORTEST_NAME} to {LONGEST_NAME} characters.")
    return NameSubject(words)


def parse_person(text: str) -> PersonSubject:
    """A person's address. Raises ValueError with one sentence."""
    return PersonSubject(str(parse_mailbox(text)))


# ---------------------------------------------------------------- for the kinds' queries
def at_or_below(field: str, domain: str) -> Q:
    """Rows whose `field`, a name, is `domain` or lies below it."""
    return Q(**{f"{field}__{AtOrBelow.lookup_name}": domain})


def mailbox_at_or_below(field: str, domain: str) -> Q:
    """Rows whose `field`, an email address, is at `domain` or below it."""
    return Q(**{f"{field}__{MailboxAtOrBelow.lookup_name}": domain})


def hits_by_name(
    subject: Subject, rows: "QuerySet[Any]", field: str, words: str, key: str = "pk"
) -> Iterator[Hit]:
    """The rows whose `field`, an address or a host name, a subject concerns; `words` stand before what it names.

    `key` is the column with the id of the permission, or of the request.
    """
    if isinstance(subject, MailboxSubject):
        found = rows.filter(**{f"{field}__iexact": subject.address})
    elif isinstance(subject, HostSubject):
        found = rows.filter(
            Q(**{f"{field}__iexact": subject.name}) | Q(**{f"{field}__iendswith": f"@{subject.name}"})
        )
    elif isinstance(subject, DomainSubject):
        found = rows.filter(at_or_below(field, subject.name) | mailbox_at_or_below(field, subject.name))
    else:
        return
    for pk, name in found.values_list(key, field):
        yield Hit(pk, f"{words} {name}")


def in_chunks(keys: Collection[int]) -> Iterator[list[int]]:
    """`keys` in batches that any database accepts as the values of one IN."""
    ordered = sorted(keys)
    for begin in range(0, len(ordered), CHUNK):
        yield ordered[begin : begin + CHUNK]


def merged(hits: Iterable[Hit]) -> dict[int, str]:
    """The reasons for each key, in the order in which they were found; at most the first three."""
    reasons: dict[int, list[str]] = {}
    for hit in hits:
        known = reasons.setdefault(hit.pk, [])
        if hit.why not in known:
            known.append(hit.why)
    return {pk: truncate(_joined(whys), 500) for pk, whys in reasons.items()}


def _joined(whys: list[str]) -> str:
    more = len(whys) - 3
    return "; ".join(whys[:3]) + (f"; and {more} more" if more > 0 else "")
