"""Messages to gated lists: collected within bounds, and put before the gates in threads, with a deadline.

No answer in time, or an answer that cannot be had, is no pass: the sender is told to try again.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile

from django.db import close_old_connections

from portal.institution import institution
from portal.policy_service.gates import GATES, Gate, GatedMessage, GateUnavailable, gated_address

logger = logging.getLogger(__name__)
LARGEST_MESSAGE = 50 * 1024 * 1024
MOST_COLLECTED = 1024 * 1024 * 1024
"""Bytes of all messages that are collected at one time."""
IN_MEMORY = 1024 * 1024
"""A larger message is put on the disk."""
THREADS = 4
DEADLINE_SECONDS = 30.0


class TooLarge(Exception):
    """The message is larger than any that may go to a gated list."""


class OverLimit(Exception):
    """Too much is being collected already."""


class Gatekeeper:
    """Knows which recipients are gated, and asks the gates."""

    def __init__(self, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gates")
        self.collected = 0
        """Bytes collected at this time."""

    @property
    def has_lists(self) -> bool:
        """Whether any list is gated."""
        return any(gate.addresses() for gate in GATES)

    def spelled(self, recipient: str) -> tuple[str, bool]:
        """The recipient as the gated list it reaches, True; or as it is, False."""
        for gate in GATES:
            if found := gated_address(
                recipient, gate.addresses(), delimiters=institution().recipient_delimiters
            ):
                return found, True
        return recipient, False

    async def judge(self, message: GatedMessage) -> str:
        """Why the message may not pass, "" where it may. Raises GateUnavailable."""
        asked = [gate for gate in GATES if not gate.addresses().isdisjoint(message.recipients)]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline):
                return await loop.run_in_executor(self._threads, _ask, asked, message)
        except TimeoutError:
            raise GateUnavailable(f"No answer within {self._deadline:g} s.") from None

    def close(self) -> None:
        """Take no more; what is being judged is judged to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _ask(asked: Sequence[Gate], message: GatedMessage) -> str:
    close_old_connections()
    try:
        if not asked:
            raise GateUnavailable("The list is no longer gated.")
        for gate in asked:
            because = gate.judge(message)
            if because:
                return because
        return ""
    finally:
        close_old_connections()


class Collected:
    """Header and body of one message, as they come in."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self._keeper, self._size = keeper, 0
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by `close`

    def write(self, data: bytes) -> None:
        """Take more of it. Raises TooLarge or OverLimit."""
        if self._size + len(data) > LARGEST_MESSAGE:
            raise TooLarge
        if self._keeper.collected + len(data) > MOST_COLLECTED:
            raise OverLimit
        self._size += len(data)
        self._keeper.collected += len(data)
        self._file.write(data)

    def content(self) -> bytes:
        """All of it."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Let go of it."""
        self._keeper.collected -= self._size
        self._size = 0
        self._file.close()
