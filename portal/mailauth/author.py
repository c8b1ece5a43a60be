"""Who a message says it is from: exactly one From field with one domain (RFC 5322 3.6.2, RFC 9989 5.3.1)."""

import email.policy
import email.utils
import re
from dataclasses import dataclass
from email.errors import MessageError

from portal.mailauth.message_intake import Message
from portal.mailauth.names import DomainRefused, parse_domain
from portal.mailauth.notes import Note, info, warn

LONGEST_FROM = 4096
_ADDRESS_IN_NAME = re.compile(r"[^\s@<>\"']+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")


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
    text = re.sub(rb"\r\n(?=[ \t])", b"", values[0]).decode("utf-8", "replace").strip()
    return _read(text)


def _read(text: str) -> Author:
    strict, lenient = _addresses(text), _addresses_leniently(text)
    if not strict or not lenient:
        return Author(None, problem="The From field has no address")
    domains = {address.rpartition("@")[2].lower().rstrip(".") for _, address in strict}
    if domains != {address.rpartition("@")[2].lower().rstrip(".") for address in lenient}:
        # Two parsers that read it differently stand for two mail programs that would.
        return Author(None, problem="The From field can be read in more than one way")
    if len(domains) > 1:
        return Author(None, problem=f"The From field names {len(domains)} domains; DMARC needs one")
    try:
        domain = parse_domain(domains.pop())
    except DomainRefused:
        return Author(None, problem="The From address has no valid domain")
    name, address = strict[0]
    notes = [
        warn(f"The name in From shows an address at {shown}, while the mail is from {domain}.")
        for shown in dict.fromkeys(match.lower() for match in _ADDRESS_IN_NAME.findall(name))
        if shown != domain.ascii
    ]
    if domain.unicode != domain.ascii:
        notes.append(info(f"The From domain is written {domain.unicode} in another script ({domain})."))
    return Author(domain.ascii, address, notes=tuple(notes))


def _addresses(text: str) -> list[tuple[str, str]]:
    """Display name and address of every mailbox, by the parser that follows RFC 5322."""
    try:
        header = email.policy.default.header_factory("From", text)
        return [(one.display_name, one.addr_spec) for one in header.addresses]
    except (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return []  # Python's parser meets hostile text with whatever exception it leads to


def _addresses_leniently(text: str) -> list[str]:
    """The addresses by the older parser, which reads as lenient mail programs do."""
    try:
        return [address for _, address in email.utils.getaddresses([text]) if address]
    except (LookupError, ValueError, TypeError, RecursionError):
        return []
