"""Postfix's policy delegation protocol (SMTPD_POLICY_README): lines of name=value, ended by an empty line.

Bytes in, requests out. Nothing here trusts the other side: length of a line, number of attributes and length
of a request are bounded, and whatever does not read as a request is `Malformed`, which ends the connection.
"""

from typing import NamedTuple

LONGEST_REQUEST = 32_768
LONGEST_LINE = 8_192
MOST_ATTRIBUTES = 100
END = b"\n\n"
RELAY_CONTEXT = "relay"
"""The `policy_context` of a Postfix that asks in smtpd_relay_restrictions and again at DATA (docs)."""


class Malformed(ValueError):
    """The bytes are no policy request."""


class Ask(NamedTuple):
    """What Postfix asks, as far as the service looks at it. Text that is no UTF-8 has its bytes spelled out."""

    state: str
    """protocol_state: CONNECT, EHLO, MAIL, RCPT, DATA, END-OF-MESSAGE ..."""
    client: str
    sender: str
    """Lower-case ASCII; "" for the null sender."""
    recipient: str
    instance: str
    context: str


class Frames:
    """Cuts a stream into requests, wherever it was split on the way."""

    __slots__ = ("_at", "_held")

    def __init__(self) -> None:
        self._held, self._at = b"", 0

    def feed(self, data: bytes) -> None:
        """Take more of the stream."""
        self._held = self._held[self._at :] + data if self.is_begun else data
        self._at = 0

    def next(self) -> bytes | None:
        """The next whole request without its end, None where more must come. Raises Malformed if too long."""
        begin = self._at
        end = self._held.find(END, begin)
        if (end if end >= 0 else len(self._held)) - begin > LONGEST_REQUEST:
            raise Malformed("The request is too long.")
        if end < 0:
            return None
        self._at = end + len(END)
        return self._held[begin:end]

    @property
    def is_begun(self) -> bool:
        """Whether something waits to be read, or for the rest of itself."""
        return self._at < len(self._held)


def parse(block: bytes) -> Ask:
    """The request in `block` (without the empty line at its end). Raises Malformed."""
    lines = block.split(b"\n")
    if len(lines) > MOST_ATTRIBUTES:
        raise Malformed("The request has too many attributes.")
    try:
        found: dict[bytes, bytes] = dict(line.split(b"=", 1) for line in lines)
    except ValueError:
        raise Malformed("A line of the request has no equals sign.") from None
    if len(found) != len(lines):
        raise Malformed("An attribute stands twice.")
    if len(block) > LONGEST_LINE and max(map(len, lines)) > LONGEST_LINE:
        raise Malformed("A line of the request is too long.")
    if found.get(b"request") != b"smtpd_access_policy":
        raise Malformed("This is no request for a policy.")
    try:
        return Ask(
            _text(found[b"protocol_state"]),
            _text(found[b"client_address"]),
            # Lowered as bytes: only ASCII letters, so that no other letter becomes one of them.
            _text(found[b"sender"].lower()),
            _text(found[b"recipient"].lower()),
            _text(found.get(b"instance", b"")),
            _text(found.get(b"policy_context", b"")),
        )
    except KeyError as error:
        raise Malformed(f"The attribute {error.args[0]!r} is missing.") from None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
