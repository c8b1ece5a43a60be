"""The milter protocol, version 6, as Postfix speaks it (MILTER_README; Sendmail's libmilter/mfdef.h).

A packet is a length of four bytes, a command of one, and its data. Bytes in, packets out; nothing here trusts
the other side: a packet's length is bounded, and whatever does not read as what it says it is is `Malformed`,
which ends the connection, and Postfix puts the message off.
"""

from typing import NamedTuple

from portal.policy_service.protocol import Malformed

VERSION = 6
LONGEST_PACKET = 262_144
"""Postfix's own bound for one header field is 102,400 bytes (header_size_limit), for a piece of a body 65,535."""
_LENGTH = 4

# Commands of the mail server (SMFIC_).
ABORT, BODY, CONNECT, MACRO, END_OF_BODY, HELO = b"A", b"B", b"C", b"D", b"E", b"H"
QUIT_NEW_CONNECTION, HEADER, MAIL, END_OF_HEADER, NEGOTIATE = b"K", b"L", b"M", b"N", b"O"
QUIT, RECIPIENT, DATA, UNKNOWN = b"Q", b"R", b"T", b"U"

# What a milter may do (SMFIF_).
ADD_HEADERS, CHANGE_HEADERS = 0x01, 0x10

# What a milter asks the server to leave out or not to wait for (SMFIP_).
NO_HELO, NO_BODY, NO_UNKNOWN = 0x02, 0x10, 0x100
NO_REPLY_HEADER, CAN_SKIP = 0x80, 0x400
NO_REPLY_CONNECT, NO_REPLY_HELO, NO_REPLY_MAIL, NO_REPLY_RECIPIENT = 0x1000, 0x2000, 0x4000, 0x8000
NO_REPLY_UNKNOWN, LEADING_SPACE = 0x20000, 0x100000

# Answers (SMFIR_), as whole packets.
ACCEPT, CONTINUE, SKIP = b"\0\0\0\1a", b"\0\0\0\1c", b"\0\0\0\1s"


def packet(command: bytes, data: bytes = b"") -> bytes:
    """A packet."""
    return (len(data) + 1).to_bytes(_LENGTH, "big") + command + data


def reply(text: str) -> bytes:
    """An SMTP reply such as "550 5.7.1 No.", in printable ASCII. A percent sign has a meaning to Sendmail."""
    return packet(b"y", text.replace("%", "_").encode("ascii") + b"\0")


def insert_header(name: bytes, value: bytes) -> bytes:
    """Put a field at the very top."""
    return packet(b"i", b"\0\0\0\0" + name + b"\0" + value + b"\0")


def delete_header(name: bytes, which: int) -> bytes:
    """Take out the field of this name that is number `which`, counted from 1."""
    return packet(b"m", which.to_bytes(4, "big") + name + b"\0\0")


class Packets:
    """Splits a stream into packets, at any chunk boundaries. Has the interface of protocol.Frames."""

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
        """The next packet without its length, None where more must come. Raises Malformed."""
        held, at = self._held, self._at
        if len(held) - at < _LENGTH:
            return None
        size = int.from_bytes(held[at : at + _LENGTH], "big")
        if not 0 < size <= LONGEST_PACKET:
            raise Malformed("A milter packet has an impossible length.")
        begin, end = at + _LENGTH, at + _LENGTH + size
        if len(held) < end:
            return None
        self._at = end
        self.is_begun = end < len(held)
        return held[begin:end]


class Offer(NamedTuple):
    """The options that the server offers (SMFIC_OPTNEG)."""

    version: int
    actions: int
    steps: int


def read_offer(data: bytes) -> Offer:
    """The server's offer. Raises Malformed."""
    if len(data) < 12:
        raise Malformed("The milter negotiation is too short.")
    return Offer(*(int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8)))


def negotiated(version: int, actions: int, steps: int) -> bytes:
    """The milter's side of it."""
    return packet(NEGOTIATE, b"".join(number.to_bytes(4, "big") for number in (version, actions, steps)))


def read_connect(data: bytes) -> tuple[str, str]:
    """The client's IP address and port; "" where it came by no network. Raises Malformed."""
    _, found, rest = data.partition(b"\0")
    if not found or not rest:
        raise Malformed("A milter connection has no client.")
    family = rest[:1]
    if family not in (b"4", b"6"):
        return "", ""
    address, end, more = rest[3:].partition(b"\0")
    if not end or more or not address.isascii():
        raise Malformed("The client of a milter connection is not well formed.")
    text = address.decode("ascii")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    return text, str(int.from_bytes(rest[1:3], "big"))


def read_path(data: bytes) -> str:
    """The address of MAIL or RCPT in lower case, without its brackets; "" for the null sender. Raises Malformed."""
    path, end, _ = data.partition(b"\0")
    if not end:
        raise Malformed("An address in the envelope has no end.")
    text = path.decode("utf-8", "backslashreplace")
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    # Only ASCII letters are lowered, so that no other letter becomes one of them.
    return text.lower() if text.isascii() else text.encode().lower().decode()


def read_header(data: bytes) -> tuple[bytes, bytes]:
    """Name and value of a header field. Raises Malformed."""
    name, found, rest = data.partition(b"\0")
    if not found or rest[-1:] != b"\0" or not name:
        raise Malformed("A milter header is not well formed.")
    return name, rest[:-1]


def read_macros(data: bytes) -> dict[bytes, bytes]:
    """The macros that come with a command, without the braces around their names. Raises Malformed."""
    words = data[1:].split(b"\0")
    if len(words) % 2 == 0 or words[-1]:
        raise Malformed("Milter macros are not well formed.")
    return {name.strip(b"{}"): value for name, value in zip(words[:-1:2], words[1::2], strict=True)}
