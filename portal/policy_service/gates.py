"""Mail to the institution's large lists: who says whether a message may pass, without this app knowing the rule.

The milter collects a message that is addressed to a gated list and asks the gate once, at the end of the
message. An app above registers the gate (MKT-4, MKT-5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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


_gates: list[Gate] = []


def register(gate: Gate) -> None:
    """Add a gate; registering the same one twice changes nothing."""
    if gate not in _gates:
        _gates.append(gate)


def gates() -> Sequence[Gate]:
    """All gates."""
    return tuple(_gates)
