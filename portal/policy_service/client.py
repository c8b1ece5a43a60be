"""One connection of either protocol: requests are answered in order, within limits of size, time and number."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.policy_service.answering import Unready
from portal.policy_service.milter import Conversation, Goodbye
from portal.policy_service.milter_protocol import Packets
from portal.policy_service.protocol import END, LONGEST_REQUEST, Frames, Malformed

if TYPE_CHECKING:
    from portal.policy_service.server import PolicyServer

logger = logging.getLogger(__name__)
QUIET_SECONDS = 10.0
"""Between two log lines about clients that misbehave."""
MOST_AT_ONCE = 50
"""Requests of one client answered before the others have their turn."""


@dataclass(frozen=True)
class Limits:
    """What a client may do. Times in seconds."""

    connections: int = 1000
    request: float = 5.0
    """For a request that has begun, and for taking in a reply."""
    idle: float = 330.0
    """Between requests; Postfix keeps its connection for 300 s (smtpd_policy_service_max_idle)."""


class ThrottledLog:
    """Warnings about clients, at most one in a while, since a client could cause thousands."""

    def __init__(self) -> None:
        self._held, self._said_at = 0, float("-inf")

    def warn(self, text: str) -> None:
        """Log `text`, with the number of lines left out since the last one."""
        now = time.monotonic()
        if now - self._said_at < QUIET_SECONDS:
            self._held += 1
            return
        logger.warning("%s (%d similar lines left out)", text, self._held)
        self._held, self._said_at = 0, now


class Client(asyncio.BufferedProtocol):
    """One connection. Whatever goes wrong ends it without a reply, and Postfix defers."""

    def __init__(
        self,
        server: "PolicyServer",
        frames: Frames | Packets,
        answer: Callable[[bytes], bytes | Awaitable[bytes]],
    ) -> None:
        self._server, self._frames, self._answer = server, frames, answer
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_paused = False
        self.waiting_since = self.touched_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it where there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._server.admit(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._transport = None
        self._server.clients.discard(self)
        if self._task is not None:
            self._task.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to: one place for all connections, since what was read is taken out of it at once."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answer what is whole by now."""
        data = bytes(self._server.buffer[:nbytes])
        self.touched_at = time.monotonic()
        is_free = self._task is None and not self._is_paused
        if not self._frames.is_begun:
            block = self._only_one(data) if is_free else None
            if block is not None:
                self._answer_one(block)
                return
            self.waiting_since = self.touched_at
        self._frames.feed(data)
        if is_free:
            self._work()

    def _only_one(self, data: bytes) -> bytes | None:
        """The request in `data`, where that is one whole request and nothing else; None is always right."""
        return None

    def _answer_one(self, block: bytes) -> None:
        try:
            reply = self._answer(block)
            if not isinstance(reply, bytes):
                self._later(self._send_when_known(reply))
            elif self._transport is not None:
                self._transport.write(reply)
        except Exception as error:
            self._give_up(error)

    def _work(self) -> None:
        try:
            for _ in range(MOST_AT_ONCE):
                if self._transport is None or self._transport.is_closing() or self._is_paused:
                    return
                block = self._frames.next()
                if block is None:
                    return
                reply = self._answer(block)
                self.waiting_since = self.touched_at
                if not isinstance(reply, bytes):
                    self._later(self._send_when_known(reply))
                    return
                if reply:
                    self._transport.write(reply)
        except Exception as error:
            self._give_up(error)
            return
        self._later(asyncio.sleep(0))

    def _later(self, first: Awaitable[None]) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        self._task = asyncio.ensure_future(self._go_on(first))

    async def _go_on(self, first: Awaitable[None]) -> None:
        try:
            await first
        except Exception as error:
            self._give_up(error)
            return
        self._task, self.waiting_since = None, time.monotonic()
        if self._transport is not None and not self._transport.is_closing():
            if not self._is_paused:
                self._transport.resume_reading()
            self._work()

    async def _send_when_known(self, reply: Awaitable[bytes]) -> None:
        known = await reply
        if self._transport is not None:
            self._transport.write(known)

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, Goodbye):
            pass
        elif isinstance(error, Malformed):
            self._server.log.warn(f"A client was cut off: {error}")
        elif isinstance(error, Unready):
            self._server.log.warn("There is no fresh index: connections are closed, so that Postfix defers.")
        else:
            logger.error("A request failed; its connection is closed.", exc_info=error)
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """The client does not take its replies: answer no more until it does."""
        self._is_paused = True
        self.waiting_since = time.monotonic()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It took them."""
        self._is_paused = False
        if self._transport is not None and self._task is None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._work()

    def end_if_slow(self, now: float, limits: Limits) -> None:
        """Cut the connection that keeps the service waiting too long."""
        is_waiting = self._frames.is_begun or self._is_paused
        if is_waiting and now - self.waiting_since > limits.request:
            self._server.log.warn("A client was cut off: it is too slow.")
            self.end(at_once=True)
        elif now - self.touched_at > limits.idle:
            self.end(at_once=True)  # Also one that was closed and never takes its last reply.

    def end(self, *, at_once: bool = False) -> None:
        """Close after the replies that are on their way; `at_once` drops those."""
        if self._transport is not None:
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()


class PolicyClient(Client):
    """One connection of Postfix's policy protocol."""

    def __init__(self, server: "PolicyServer") -> None:
        super().__init__(server, Frames(), server.answering.answer)

    def _only_one(self, data: bytes) -> bytes | None:
        # What Postfix sends: one whole request, and nothing else until it is answered.
        is_one = len(data) <= LONGEST_REQUEST and 0 <= data.find(END) == len(data) - 2
        return data[:-2] if is_one else None


class MilterClient(Client):
    """One connection of the milter protocol."""

    def __init__(self, server: "PolicyServer") -> None:
        self._conversation = Conversation(server.answering, server.keeper)
        super().__init__(server, Packets(), self._conversation.hear)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it, and the message at hand."""
        super().connection_lost(exc)
        self._conversation.close()
