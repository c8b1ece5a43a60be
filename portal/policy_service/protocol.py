"""Postfix's policy delegation protocol (SMTPD_POLICY_README): lines of name=value, ended by an empty line.

Bytes in, requests out. Nothing here trusts the other side: length of a line, number of attributes and length
of a request are bounded, and whatever does not read as a request is `Malformed`, which ends the connection.
"""

import re
from typing import NamedTuple

LONGEST_REQUEST = 32_768
LONGEST_LINE = 8_192
MOST_ATTRIBUTES = 100
END = b"\n\n"
RELAY_CONTEXT = "relay"
"""The `policy_context` of a Postfix that asks in smtpd_relay_restrictions and again at DATA (docs)."""


class Malformed(ValueError):
    """The bytes are no policy request."""


class PolicyRequest(NamedTuple):
    """What Postfix asks, as far as the service looks at it. Text that is no UTF-8 has its bytes spelled out."""

    state: str
    """protocol_state: CONNECT, EHLO, MAIL, RCPT, DATA, END-OF-MESSAGE ..."""
    client: str
    sender: str
    """Lower-case ASCII; "" for the null sender."""
    recipient: str
    instance: str
    context: str
    port: str = ""
    """The client's, "" before Postfix 3.2."""
    recipients: int = 0
    """recipient_count: how many recipients the message has; known at DATA and END-OF-MESSAGE alone."""


class Frames:
    """Splits a stream into requests, at any chunk boundaries."""

    __slots__ = ("_at", "_held", "is_begun")

    def __init__(self) -> None:
        self._held, self._at = b"", 0
        self.is_begun = False
        """Whether something waits to be read, or for the rest of itself."""

    def feed(self, data: bytes) -> None:
        """Take more of the stream."""
        self._held = self._held[self._at :] + data if self.is_begun else data
        self._at = 0
        self.is_begun = bool(self._held)

    def next(self) -> bytes | None:
        """The next whole request without its end, None where more must come. Raises Malformed if too long."""
        begin = self._at
        end = self._held.find(END, begin)
        if (end if end >= 0 else len(self._held)) - begin > LONGEST_REQUEST:
            raise Malformed("The request is too long.")
        if end < 0:
            return None
        self._at = end + len(END)
        self.is_begun = self._at < len(self._held)
        return self._held[begin:end]


_NAMES = ("protocol_state", "client_address", "sender", "recipient")
_OPTIONAL = ("instance", "policy_context", "client_port", "recipient_count")
_MARKS = {name: f"\n{name}=" for name in (*_NAMES, *_OPTIONAL)}
_START = "\nrequest=smtpd_access_policy\n"

_AS_POSTFIX_SENDS = (
    "protocol_state",
    "protocol_name",
    "client_address",
    "client_name",
    "client_port",
    "reverse_client_name",
    "server_address",
    "server_port",
    "helo_name",
    "sender",
    "recipient",
    "recipient_count",
    "queue_id",
    "instance",
    "size",
    "etrn_domain",
    "stress",
    "sasl_method",
    "sasl_username",
    "sasl_sender",
    "ccert_subject",
    "ccert_issuer",
    "ccert_fingerprint",
    "ccert_pubkey_fingerprint",
    "encryption_protocol",
    "encryption_cipher",
    "encryption_keysize",
    "policy_context",
)
"""The order of Postfix 3.2 and later (src/smtpd/smtpd_check.c, check_policy_service), and what 3.8 added after it."""
_VALUE, _ANY = "([^\n]*)", "[^\n]*"
_POSTFIX = re.compile(
    "request=smtpd_access_policy"
    + "".join(f"\n{name}={_VALUE if name in _MARKS else _ANY}" for name in _AS_POSTFIX_SENDS)
    + "(?:\ncompatibility_level=[^\n]*\nmail_version=[^\n]*)?"
)
_USUAL_LENGTH = 2_048
_LONGEST_NUMBER = 7


def parse(block: bytes) -> PolicyRequest:
    """The request in `block` (without the empty line at its end). Raises Malformed."""
    text = block.decode("utf-8", "backslashreplace")
    # In the order in which Postfix sends them, the attributes are read in one go: a third of the time.
    usual = _POSTFIX.fullmatch(text) if len(block) <= _USUAL_LENGTH else None
    if usual is None:
        return _parse_any(text)
    state, client, port, sender, recipient, count, instance, context = usual.groups()
    return PolicyRequest(
        state, client, _folded(sender), _folded(recipient), instance, context, port, _number(count)
    )


def _parse_any(text: str) -> PolicyRequest:
    """The attributes in any order; those that are not asked for here are left alone, as the protocol wants."""
    lines = text.split("\n")
    if len(lines) > MOST_ATTRIBUTES:
        raise Malformed("The request has too many attributes.")
    if max(map(len, lines)) > LONGEST_LINE:
        raise Malformed("A line of the request is too long.")
    if not all("=" in line for line in lines):
        raise Malformed("A line of the request has no equals sign.")
    text = f"\n{text}\n"
    if _START not in text or text.count("\nrequest=") != 1:
        raise Malformed("This is no request for a policy.")
    state, client, sender, recipient = [_value(text, name) for name in _NAMES]
    instance, context, port, count = [_value(text, name, "") for name in _OPTIONAL]
    return PolicyRequest(
        state, client, _folded(sender), _folded(recipient), instance, context, port, _number(count)
    )


def _value(text: str, name: str, default: str | None = None) -> str:
    mark = _MARKS[name]
    _, found, rest = text.partition(mark)
    if not found:
        if default is None:
            raise Malformed(f"The attribute {name} is missing.")
        return default
    if mark in rest:
        raise Malformed(f"The attribute {name} stands twice.")
    return rest[: rest.index("\n")]


def _number(text: str) -> int:
    # Postfix has no more than a million recipients a message (smtpd_recipient_limit); anything else is no number.
    return int(text) if len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit() else 0


def _folded(address: str) -> str:
    # Only ASCII letters are lowered, so that no other letter becomes one of them.
    return address.lower() if address.isascii() else address.encode().lower().decode()
