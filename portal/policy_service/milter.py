"""What one mail server says to the milter, and what it hears: who is shown as the author, and mail to gated lists.

No network here: packets in, packets out. Every message gets one verdict, at the end of its header, or at its end
where its body is needed. In doubt the answer is a temporary failure or a closed connection, never acceptance.
"""

import itertools
import re
import time
from collections.abc import Awaitable
from datetime import date
from typing import NamedTuple

from django.utils import timezone

from portal.grants.relay_rules import RelayRule
from portal.policy_service import milter_protocol as wire
from portal.policy_service import replies
from portal.policy_service.answering import Answering, Unready
from portal.policy_service.decisions import is_inside
from portal.policy_service.gatekeeping import Collected, Gatekeeper, OverLimit, TooLarge
from portal.policy_service.gates import GatedMessage, GateUnavailable
from portal.policy_service.header_from import WATCHED, Field, judge
from portal.policy_service.protocol import RELAY_CONTEXT, Malformed, PolicyRequest
from portal.policy_service.replies import HeaderRefusal
from portal.policy_service.sessions import Accepted

GRANT_HEADER = b"x-techmail-grant"
LONGEST_KEPT = 5000
"""Bytes of a field's value that are kept, more than any that is read."""
MOST_WATCHED = 20
MOST_FIELDS = 1000
LARGEST_HEADER = 1024 * 1024
MOST_STRIPPED = 100
MOST_RECIPIENTS = 5000
_ACTIONS = wire.ADD_HEADERS | wire.CHANGE_HEADERS
_NOT_SENT = wire.NO_HELO | wire.NO_UNKNOWN
# DATA is answered: it is the last that smtpd says before cleanup goes on. Without an answer TCP would hold the
# header back until what came before is acknowledged (Nagle), which the kernel here delays by 40 ms.
_NO_REPLY = (
    wire.NO_REPLY_CONNECT
    | wire.NO_REPLY_HELO
    | wire.NO_REPLY_MAIL
    | wire.NO_REPLY_RECIPIENT
    | wire.NO_REPLY_UNKNOWN
    | wire.NO_REPLY_HEADER
)
_NUMBERS = itertools.count()
_HOST = re.compile(r"[a-z0-9._-]{1,100}").fullmatch
_TRY_AGAIN = wire.reply("451 4.3.0 The relay permissions cannot be checked now; try again later")
_CLOSED_LIST = wire.reply(
    "451 4.3.0 Whether this list may be written to cannot be checked now; try again later"
)


class Goodbye(Exception):
    """The server has ended the connection."""


class _Message:
    """What is known of the message at hand."""

    def __init__(self, sender: str, *, is_authenticated: bool) -> None:
        self.sender, self.is_authenticated = sender, is_authenticated
        self.recipients: list[str] = []
        self.collected: Collected | None = None
        """Where it goes to a gated list."""
        self.trouble: bytes = b""
        """The reply, where it could not be collected."""
        self.watched: list[Field] = []
        self.stamps: list[tuple[bytes, bool]] = []
        """The X-TechMail-Grant fields: value, and whether above the first Received."""
        self.fields = self.size = 0
        self.has_received = self.has_bare_cr = self.is_judged = False
        self.rule: RelayRule | None = None
        self.accepted: Accepted | None = None
        self.day = date.min
        self.is_stamped = False
        """Whether the policy protocol gave it its X-TechMail-Grant."""

    def close(self) -> None:
        """Let go of what was collected."""
        if self.collected is not None:
            self.collected.close()
            self.collected = None


class _Author(NamedTuple):
    """The author found in From, or the text of a refusal that is not about an author."""

    found: str
    text: str


class Conversation:
    """One connection of a mail server. `hear` is for one packet at a time, in order."""

    def __init__(self, answering: Answering, keeper: Gatekeeper) -> None:
        self._answering, self._keeper = answering, keeper
        self._steps: int | None = None
        """What was agreed on; None before."""
        self._has_lists = False
        self._client = self._port = self._host = ""
        self._macros: dict[bytes, bytes] = {}
        self._queue_id = ""
        self._message: _Message | None = None

    def hear(self, packet: bytes) -> bytes | Awaitable[bytes]:
        """The answer to one packet, b"" for none. Raises Malformed or Goodbye."""
        command = packet[:1]
        if command == wire.HEADER:  # Most packets are one.
            return self._header(packet[1:])
        if self._steps is None and command not in (wire.NEGOTIATE, wire.QUIT):
            raise Malformed("A milter connection begins with no negotiation.")
        hear = _HEARD.get(command)
        if hear is None:
            raise Malformed("A milter packet has an unknown command.")
        return hear(self, packet[1:])

    def close(self) -> None:
        """The connection is gone."""
        self._forget()

    # ------------------------------------------------------------------ the connection
    def _negotiate(self, data: bytes) -> bytes:
        offer = wire.read_offer(data)
        if offer.version < 2 or offer.actions & _ACTIONS != _ACTIONS:
            raise Malformed(
                "The mail server lets a milter change no headers (milter_protocol, Postfix 2.6 or later)."
            )
        wanted = _NOT_SENT | _NO_REPLY | wire.LEADING_SPACE | wire.CAN_SKIP
        self._has_lists = self._keeper.has_lists
        if not self._has_lists:
            wanted |= wire.NO_BODY
        self._steps = wanted & offer.steps
        return wire.negotiated(min(offer.version, wire.VERSION), _ACTIONS, self._steps)

    def _connect(self, data: bytes) -> bytes:
        self._forget()
        self._client, self._port = wire.read_connect(data)
        host = self._macros.get(b"j", b"").decode("ascii", "replace").lower()
        self._host = host if _HOST(host) else ""
        return self._go_on(wire.NO_REPLY_CONNECT)

    def _macro(self, data: bytes) -> bytes:
        found = wire.read_macros(data)
        if data[:1] in (wire.CONNECT, wire.MAIL):  # The state of the previous message no longer applies.
            self._macros, self._queue_id = found, ""
        if b"i" in found:
            self._queue_id = found[b"i"].decode("ascii", "replace")[:100]
        return b""

    def _hello(self, data: bytes) -> bytes:
        return self._go_on(wire.NO_REPLY_HELO)

    def _data(self, data: bytes) -> bytes:
        return wire.CONTINUE

    def _unknown(self, data: bytes) -> bytes:
        return self._go_on(wire.NO_REPLY_UNKNOWN)

    def _abort(self, data: bytes) -> bytes:
        self._forget()
        return b""

    def _quit(self, data: bytes) -> bytes:
        raise Goodbye

    def _another_connection(self, data: bytes) -> bytes:
        self._forget()
        self._client = self._port = self._host = ""
        return b""

    def _go_on(self, unless: int) -> bytes:
        return b"" if self._steps is not None and self._steps & unless else wire.CONTINUE

    def _forget(self) -> None:
        if self._message is not None:
            self._message.close()
            self._message = None

    # ------------------------------------------------------------------ the envelope
    def _mail(self, data: bytes) -> bytes:
        self._forget()
        is_authenticated = bool(self._macros.get(b"auth_type"))
        self._message = _Message(wire.read_path(data), is_authenticated=is_authenticated)
        return self._go_on(wire.NO_REPLY_MAIL)

    def _recipient(self, data: bytes) -> bytes:
        message = self._at_hand()
        if len(message.recipients) >= MOST_RECIPIENTS:
            raise Malformed("A message has too many recipients.")
        recipient, is_gated = wire.read_path(data), False
        if self._has_lists:
            recipient, is_gated = self._keeper.spelled(recipient)
        message.recipients.append(recipient)
        if is_gated and message.collected is None:
            message.collected = Collected(self._keeper)
        return self._go_on(wire.NO_REPLY_RECIPIENT)

    def _at_hand(self) -> _Message:
        if self._message is None:
            raise Malformed("A milter command belongs to no message.")
        return self._message

    # ------------------------------------------------------------------ the header
    def _header(self, data: bytes) -> bytes:
        message = self._message
        if message is None or message.is_judged:
            raise Malformed("A milter header belongs to no message.")
        message.fields += 1
        message.size += len(data)
        name, value = wire.read_header(data)
        lowered = name.rstrip(b" \t").lower()
        if lowered in WATCHED:
            if len(message.watched) <= MOST_WATCHED:
                message.watched.append(Field(WATCHED[lowered], value[:LONGEST_KEPT]))
        elif lowered == b"received":
            message.has_received = True
        elif lowered == GRANT_HEADER:
            message.stamps.append((value[:LONGEST_KEPT].strip(), not message.has_received))
        if b"\r" in data or b"\0" in value:
            message.has_bare_cr = True
        if message.collected is not None and lowered != GRANT_HEADER:
            space = b"" if self._steps and self._steps & wire.LEADING_SPACE else b" "
            self._collect(
                message, name + b":" + space + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
            )
        return self._go_on(wire.NO_REPLY_HEADER)

    def _collect(self, message: _Message, data: bytes) -> None:
        if message.collected is None or message.trouble:
            return
        try:
            message.collected.write(data)
        except TooLarge:
            message.trouble = wire.reply("552 5.3.4 The message is too large for this list")
        except OverLimit:
            message.trouble = _CLOSED_LIST

    def _end_of_header(self, data: bytes) -> bytes | Awaitable[bytes]:
        message = self._at_hand()
        message.is_judged = True
        try:
            return self._judge(message)
        except Unready:
            return self._end_with(_TRY_AGAIN)

    def _judge(self, message: _Message) -> bytes | Awaitable[bytes]:
        """The answer at the end of the header; awaited where Redis knows the volume. Raises Unready."""
        if not self._client:
            return self._end_with(_TRY_AGAIN)
        found, message.day = self._answering.about(self._client)
        if self._host:
            self._answering.batch.note_host(self._host, time.time())
        if len(message.stamps) > MOST_STRIPPED:
            return self._end_with(_refused("The message has too many X-TechMail-Grant fields."))
        # Outside of the relay's scope, or let in by a person's sign-in and not by the address.
        if found is None or (message.is_authenticated and not found[1]):
            return self._pass_header(message)
        rule, is_in_force = found
        if rule is not None and is_in_force:
            message.rule = rule
            return self._judge_by(message, rule)
        return self._end_with(_refused(self._without_permission(message, rule)))

    def _without_permission(self, message: _Message, rule: RelayRule | None) -> str:
        if rule is None:
            return replies.no_grant(message.sender, self._answering.holders(message.sender, message.day))
        self._answering.refuse(rule, message.day, None, None)
        return replies.out_of_force(rule)

    def _judge_by(self, message: _Message, rule: RelayRule) -> bytes | Awaitable[bytes]:
        # Not the queue id: Postfix gives that to another message once this one is gone.
        name = f"milter {next(_NUMBERS)}"
        ask = PolicyRequest(
            "END-OF-MESSAGE", self._client, message.sender, "", name, RELAY_CONTEXT, self._port
        )
        message.accepted, message.is_stamped = self._answering.accepted_before(ask, rule)
        author = self._check(message, rule)
        if isinstance(author, HeaderRefusal):
            return self._refuse(message, replies.wrong_header(rule, author), author)
        if not author.found:
            return self._refuse(message, author.text)
        if message.accepted is not None:
            return self._pass_author(message, rule, author.found)
        action = self._answering.settle(ask, rule, message.day, message.recipients)
        if isinstance(action, bytes):
            return self._after_volume(message, rule, author.found, action)
        return self._when_settled(message, rule, author.found, action)

    def _check(self, message: _Message, rule: RelayRule) -> "HeaderRefusal | _Author":
        if message.sender not in rule.senders:
            return _Author("", replies.wrong_sender(rule) if message.sender else replies.no_sender(rule))
        domains = rule.recipient_domains
        if domains is not None and not all(is_inside(one, domains) for one in message.recipients):
            return _Author("", replies.wrong_recipient(rule))
        if message.has_bare_cr:
            return _Author("", replies.broken_header(rule, "a CR without its LF, or a NUL"))
        is_over = message.fields > MOST_FIELDS or message.size > LARGEST_HEADER
        if is_over or len(message.watched) > MOST_WATCHED:
            return _Author("", replies.broken_header(rule, "more fields than a message needs"))
        author = judge(rule, message.watched)
        return author if isinstance(author, HeaderRefusal) else _Author(author, "")

    async def _when_settled(
        self, message: _Message, rule: RelayRule, author: str, action: Awaitable[bytes]
    ) -> bytes:
        return self._after_volume(message, rule, author, await action)

    def _after_volume(self, message: _Message, rule: RelayRule, author: str, action: bytes) -> bytes:
        if action.startswith(b"action=DEFER"):
            return self._end_with(wire.reply(f"451 {action.decode('ascii').strip().partition(' ')[2]}"))
        # Counted by now: a gate that refuses takes it back.
        message.accepted = Accepted("", rule.grant_id, message.day, message.sender)
        return self._pass_author(message, rule, author)

    def _pass_author(self, message: _Message, rule: RelayRule, author: str) -> bytes:
        self._answering.count_author(rule, author)
        return self._pass_header(message)

    def _pass_header(self, message: _Message) -> bytes:
        """The header is accepted: end here, or continue if the body or a change of headers is needed."""
        if message.collected is not None:
            self._collect(message, b"\r\n")
            return self._go_on(0)
        if self._edits(message):
            return self._go_on(0)
        return self._end_with(wire.ACCEPT)

    def _refuse(self, message: _Message, text: str, refusal: HeaderRefusal | None = None) -> bytes:
        assert message.rule is not None
        self._answering.refuse(message.rule, message.day, message.accepted, refusal)
        return self._end_with(_refused(text))

    def _end_with(self, reply: bytes) -> bytes:
        self._forget()
        return reply

    # ------------------------------------------------------------------ the body
    def _body(self, data: bytes) -> bytes:
        message = self._at_hand()
        if not message.is_judged:
            raise Malformed("A body comes before the end of its header.")
        if message.collected is None or message.trouble:
            return wire.SKIP if self._steps and self._steps & wire.CAN_SKIP else wire.CONTINUE
        self._collect(message, data)
        return wire.CONTINUE

    def _end_of_body(self, data: bytes) -> bytes | Awaitable[bytes]:
        message = self._at_hand()
        if not message.is_judged:
            raise Malformed("A message ends before its header.")
        if data:
            self._collect(message, data)
        if message.trouble:
            return self._end_with(message.trouble)
        if message.collected is not None:
            return self._ask_gates(message, message.collected)
        return self._end_with(self._edits(message) + wire.ACCEPT)

    async def _ask_gates(self, message: _Message, collected: Collected) -> bytes:
        gated = GatedMessage(
            client=self._client,
            sender=message.sender,
            recipients=tuple(message.recipients),
            queue_id=self._queue_id,
            content=collected.content(),
            at=timezone.now(),
        )
        try:
            because = await self._keeper.judge(gated)
        except GateUnavailable:
            return self._end_with(_CLOSED_LIST)
        if not because:
            return self._end_with(self._edits(message) + wire.ACCEPT)
        if message.rule is not None:
            return self._refuse(message, because)
        return self._end_with(_refused(because))

    def _edits(self, message: _Message) -> bytes:
        """The packets that leave exactly one X-TechMail-Grant of ours on mail with a permission, and none elsewhere."""
        rule, kept = message.rule, -1
        if rule is not None and message.is_stamped:
            reference = rule.reference.encode("ascii", "replace")
            # Postfix hides the topmost field, which ours is unless another policy service put one above it.
            ours = (number for number, stamp in enumerate(message.stamps) if stamp == (reference, True))
            kept = next(ours, -1)
        # From the last to the first, so that no number changes on the way.
        packets = [
            wire.delete_header(b"X-TechMail-Grant", number + 1)
            for number in reversed(range(len(message.stamps)))
            if number != kept
        ]
        if rule is not None and not message.is_stamped:
            space = b" " if self._steps and self._steps & wire.LEADING_SPACE else b""
            value = replies.prepend(rule).rpartition(": ")[2].encode("ascii")
            packets.append(wire.insert_header(b"X-TechMail-Grant", space + value))
        return b"".join(packets)


def _refused(text: str) -> bytes:
    return wire.reply(f"550 5.7.1 {replies.safe(text)}")


_HEARD = {
    wire.NEGOTIATE: Conversation._negotiate,
    wire.CONNECT: Conversation._connect,
    wire.MACRO: Conversation._macro,
    wire.HELO: Conversation._hello,
    wire.MAIL: Conversation._mail,
    wire.RECIPIENT: Conversation._recipient,
    wire.DATA: Conversation._data,
    wire.UNKNOWN: Conversation._unknown,
    wire.HEADER: Conversation._header,
    wire.END_OF_HEADER: Conversation._end_of_header,
    wire.BODY: Conversation._body,
    wire.END_OF_BODY: Conversation._end_of_body,
    wire.ABORT: Conversation._abort,
    wire.QUIT: Conversation._quit,
    wire.QUIT_NEW_CONNECTION: Conversation._another_connection,
}
