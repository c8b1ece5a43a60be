"""Mail to the institution's large lists: who says whether a message may pass, without this app knowing the rule.

The milter collects a message that is addressed to a gated list and asks the gate once, at the end of the
message. An app above registers the gate (MKT-4, MKT-5).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portal.lib.registration import ExtensionPoint


class GateUnavailable(Exception):
    """The gate cannot judge now; the milter answers with a temporary failure, never with acceptance."""


@dataclass(frozen=True, slots=True)
class GatedMessage:
    """One message to at least one gated list, as the mail server received it."""

    client: str
    """The client's IP address."""
    sender: str
    """The envelope sender in lower case, "" for the null sender."""
    recipients: tuple[str, ...]
    """Every envelope recipient in lower case, gated or not."""
    queue_id: str
    """The mail server's name for the message; the same one is never given to two messages at once."""
    content: bytes
    """Header and body with CRLF line ends."""
    at: datetime


class Gate(Protocol):
    """Decides over mail to gated lists."""

    def addresses(self) -> frozenset[str]:
        """The gated lists' addresses in lower case. Asked often: no database, no network."""

    def judge(self, message: GatedMessage) -> str:
        """Why the message may not pass, in one sentence for a 550 reply; "" where it may, which counts as its use.

        Runs in a thread, may ask the database. Raises GateUnavailable where it cannot tell.
        """


def gated_address(recipient: str, addresses: Iterable[str], *, delimiters: str = "+") -> str:
    """The gated list that mail to `recipient` reaches, "" where it reaches none.

    `recipient` is as the client gave it; `addresses` are in lower case. A mail server finds the same list by more
    than one spelling, so all of Postfix's own are undone: case, angle brackets, source routes (RFC 5321 appendix C),
    quotes and quoted pairs, a dot at the end, an address extension behind one of `delimiters` (Postfix's
    recipient_delimiter), `user%domain@host`, `host!user`, and an address without a domain. What merely looks like a list is judged as the list: a refusal can be explained, a
    message to everybody cannot be taken back.
    """
    known = frozenset(addresses)
    by_local = {address.partition("@")[0]: address for address in known}
    for spelling in _spellings(recipient):
        local, _, domain = spelling.rpartition("@")
        if not local:  # No domain: the mail server adds its own.
            local, domain = domain, ""
        for name in (local, *_without_extension(local, delimiters)):
            if domain and f"{name}@{domain}" in known:
                return f"{name}@{domain}"
            if not domain and name in by_local:
                return by_local[name]
    return ""


def _without_extension(local: str, delimiters: str) -> list[str]:
    """What a mail server looks for where the whole local part is nobody's: it cuts at any of the delimiters."""
    places = [place for place, char in enumerate(local[:_LONGEST]) if char in delimiters and place]
    return [local[:place] for place in places]


def _spellings(recipient: str) -> Iterable[str]:
    """The address, and each that a mail server makes of it when it takes its outermost host for its own."""
    text = recipient.strip().lower().removeprefix("<").removesuffix(">").strip()
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2]
    for _ in range(_MOST_HOPS):
        local, at, domain = text.rpartition("@")
        if not at:
            local, domain = text, ""
        if local.startswith('"') and local.endswith('"') and len(local) > 1:
            local = re.sub(r"\\(.)", r"\1", local[1:-1])
        domain = domain.rstrip(".")
        yield f"{local}@{domain}" if domain else local
        if "@" in local:
            text = local
        elif "%" in local:
            text = "@".join(local.rsplit("%", 1))
        elif "!" in local:
            host, _, user = local.partition("!")
            text = f"{user}@{host}"
        else:
            return


_MOST_HOPS = 8
_LONGEST = 256
GATES: ExtensionPoint[Gate] = ExtensionPoint()
