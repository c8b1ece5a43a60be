"""Email addresses as people type them into a form: exact, one, and on the domain that is wanted.

The grammar is a strict subset of RFC 5321 section 4.1.2: dot-string local parts only, since a quoted local
part, a display name or a comment in a mail map is a way to be somebody else.
"""

import re
from dataclasses import dataclass

from portal.lib.hostnames import HostnameRefused, parse_hostname
from portal.lib.text import one_line, truncate

LONGEST_LOCAL = 64
LONGEST_ADDRESS = 254
_ATOM = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


class MailboxRefused(ValueError):
    """The text is no address we take; `str(error)` says what is wrong and what to do."""


@dataclass(frozen=True)
class Mailbox:
    """One email address in lower case."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_mailbox(text: str, *, domain: str | None = None) -> Mailbox:
    """One exact address in lower case; with `domain`, only an address on that very domain.

    Raises MailboxRefused with a sentence that says what to do.
    """
    typed = text.strip()
    _refuse_shapes(typed)
    local, _, host = typed.rpartition("@")
    _check_local(local)
    # Judged before it is lowered: the Kelvin sign, for one, becomes a plain k.
    if domain is not None and (not host.isascii() or host.lower().removesuffix(".") != domain):
        raise MailboxRefused(_wrong_domain(host, domain))
    try:
        name = parse_hostname(host)
    except HostnameRefused:
        raise MailboxRefused(f"“{_quoted(host)}” is no mail domain. Check what stands after the @.") from None
    mailbox = Mailbox(local.lower(), name)
    if len(str(mailbox)) > LONGEST_ADDRESS:
        raise MailboxRefused(f"An address has at most {LONGEST_ADDRESS} characters.")
    return mailbox


def _refuse_shapes(typed: str) -> None:
    if not typed:
        raise MailboxRefused("Enter an email address.")
    if len(typed) > LONGEST_ADDRESS + 64:
        raise MailboxRefused("This is too long to be one email address. Enter one address in each row.")
    if any(ord(char) < 32 or ord(char) == 127 for char in typed):
        raise MailboxRefused(
            "There is a line break or another control character in it. Enter the address alone."
        )
    if any(char in typed for char in '<>"(),;:\\[]') or any(char.isspace() for char in typed):
        raise MailboxRefused("Enter the address alone, without a name, quotes, brackets or blanks.")
    if typed.count("@") != 1:
        raise MailboxRefused("An address has one @, with a name before it and a domain after it.")


def _check_local(local: str) -> None:
    if not local:
        raise MailboxRefused("The name before the @ is missing.")
    if len(local) > LONGEST_LOCAL:
        raise MailboxRefused(f"The part before the @ has at most {LONGEST_LOCAL} characters.")
    if not local.isascii():
        raise MailboxRefused(
            "The part before the @ has a letter from another alphabet. Type it in plain letters."
        )
    if not _ATOM.fullmatch(local.lower()):
        raise MailboxRefused("The part before the @ has a character or a dot where none can be.")


def _wrong_domain(host: str, domain: str) -> str:
    if not host.isascii() or "xn--" in host.lower():
        return (
            f"This domain has letters from another alphabet: it may look like {domain}, but it is another one. "
            f"Type @{domain}."
        )
    shown = _quoted(host.lower())
    if not host:
        return f"The domain after the @ is missing. Type @{domain}."
    if shown.rstrip(".") == domain:
        return f"There are dots after the domain. Type @{domain}."
    if shown.startswith(f"{domain}."):
        return f"The domain {shown} only begins like {domain} and belongs to somebody else. Use an @{domain} address."
    if shown.endswith(f".{domain}"):
        return f"Use an address on {domain} itself, not on {shown}."
    return f"The address must be on {domain}. {shown} is another domain."


def _quoted(host: str) -> str:
    return truncate(one_line(host), 80)
