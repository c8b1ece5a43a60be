"""What was answered, counted per grant and day in memory until a batch of it is written."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from portal.lib.text import one_line
from portal.policy_service.decisions import Outcome

MOST_STRANGERS = 20
"""Refused senders noted per grant and batch; a client that tries names at random fills no memory."""
LONGEST_SENDER = 254


@dataclass(slots=True)
class Tally:
    """Counts of one grant on one day, or of one of its senders."""

    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    last_at: float = 0.0
    """Seconds since 1970."""

    def add(self, other: "Tally") -> None:
        """Count what `other` counted."""
        self.accepted += other.accepted
        self.refused += other.refused
        self.deferred += other.deferred
        self.last_at = max(self.last_at, other.last_at)


@dataclass
class Batch:
    """What waits to be written."""

    days: dict[tuple[int, date], Tally] = field(default_factory=dict)
    """By grant and day."""
    senders: dict[int, dict[str, Tally]] = field(default_factory=dict)
    """By grant, then envelope sender ("" for the null sender)."""

    def count(self, grant_id: int, day: date, sender: str, outcome: Outcome, at: float) -> None:
        """Count one answer."""
        tally = self.days.get((grant_id, day))
        if tally is None:
            tally = self.days[grant_id, day] = Tally()
        _count(tally, outcome, at)
        if not sender.isprintable() or len(sender) > LONGEST_SENDER:
            sender = one_line(sender)[:LONGEST_SENDER]  # A database takes no NUL, a page no line break.
        senders = self.senders.get(grant_id)
        if senders is None:
            senders = self.senders[grant_id] = {}
        seen = senders.get(sender)
        if seen is None:
            if outcome is Outcome.REFUSED and len(senders) >= MOST_STRANGERS:
                return
            seen = senders[sender] = Tally()
        _count(seen, outcome, at)

    def add(self, other: "Batch") -> None:
        """Take back a batch that could not be written."""
        for key, tally in other.days.items():
            self.days.setdefault(key, Tally()).add(tally)
        for grant_id, senders in other.senders.items():
            mine = self.senders.setdefault(grant_id, {})
            for sender, tally in senders.items():
                if sender in mine or len(mine) < MOST_STRANGERS or tally.accepted:
                    mine.setdefault(sender, Tally()).add(tally)

    def __bool__(self) -> bool:
        return bool(self.days)


def moment(at: float) -> datetime:
    """Seconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(at, UTC)


def _count(tally: Tally, outcome: Outcome, at: float) -> None:
    if outcome is Outcome.ACCEPTED:
        tally.accepted += 1
    elif outcome is Outcome.REFUSED:
        tally.refused += 1
    else:
        tally.deferred += 1
    tally.last_at = at
