"""Who a message says it is from: exactly one From field with one domain (RFC 5322 3.6.2, RFC 9989 5.3.1)."""

from dataclasses import dataclass

from portal.lib.address_fields import Undecidable, addresses_shown, read_addresses
from portal.mailauth.message_intake import Message
from portal.mailauth.names import DomainRefused, parse_domain
from portal.mailauth.notes import Note, info, warn

LONGEST_FROM = 4096


@dataclass(frozen=True)
class Author:
    """The author domain that DMARC protects; where there is none, `problem` says why."""

    domain: str | None
    address: str | None = None
    problem: str = ""
    notes: tuple[Note, ...] = ()


def read_author(message: Message) -> Author:
    """The author of a message; several From fields, none, or an ambiguous one give no domain."""
    values = message.values("From")
    if len(values) != 1:
        count = "no From field" if not values else f"{len(values)} From fields"
        return Author(None, problem=f"The message has {count}; DMARC needs exactly one")
    if len(values[0]) > LONGEST_FROM:
        return Author(None, problem="The From field is too long to be evaluated")
    # Names in an old encoding are common and decide nothing here; an address in one cannot be read.
    return _read(values[0].decode("utf-8", "replace").strip(" \t\r\n"))


def _read(text: str) -> Author:
    try:
        read = read_addresses(text.encode(), is_international=True)
        shown = [address for name in read.texts for address in addresses_shown(name)]
    except Undecidable as reason:
        return Author(
            None, problem=f"The From field can be read in more than one way, or not at all: {reason}"
        )
    if not read.addresses:
        return Author(None, problem="The From field has no address")
    domains = {address.rpartition("@")[2] for address in read.addresses}
    if len(domains) > 1:
        return Author(None, problem=f"The From field names {len(domains)} domains; DMARC needs one")
    try:
        domain = parse_domain(domains.pop())
    except DomainRefused:
        return Author(None, problem="The From address has no valid domain")
    notes = [
        warn(f"The name in From shows an address at {other}, while the mail is from {domain}.")
        for other in dict.fromkeys(address.rpartition("@")[2] for address in shown)
        if other not in (domain.ascii, "?")
    ]
    if "?" in shown:
        notes.append(warn("The name in From looks like an address."))
    if domain.unicode != domain.ascii:
        notes.append(info(f"The From domain is written {domain.unicode} in another script ({domain})."))
    return Author(domain.ascii, read.addresses[0], notes=tuple(notes))
