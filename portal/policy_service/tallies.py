"""Counts of responses per grant and day, kept in memory until a batch is written."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from portal.lib.text import one_line
from portal.policy_service.decisions import PolicyOutcome

MOST_STRANGERS = 20
"""The most refused senders counted per grant and batch, so that random names do not fill memory."""
LONGEST_SENDER = 254
MOST_HOSTS = 100


@dataclass(slots=True)
class Tally:
    """Counts of one grant on one day, or of one of its senders."""

    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    last_at: float = 0.0
    """Seconds since 1970."""
    recipients: int = 0
    """Recipients accepted, a message to three counting three times. Counted for days alone."""
    external: int = 0
    """Of these, outside the mail domain."""

    def add(self, other: "Tally") -> None:
        """Count what `other` counted."""
        self.accepted += other.accepted
        self.refused += other.refused
        self.deferred += other.deferred
        self.last_at = max(self.last_at, other.last_at)
        self.recipients += other.recipients
        self.external += other.external


@dataclass
class Batch:
    """What waits to be written."""

    days: dict[tuple[int, date], Tally] = field(default_factory=dict)
    """By grant and day."""
    senders: dict[int, dict[str, Tally]] = field(default_factory=dict)
    """By grant, then envelope sender ("" for the null sender)."""
    authors: dict[int, dict[str, Tally]] = field(default_factory=dict)
    """By grant, then what the milter found in From."""
    taken_back: dict[tuple[int, date, str], int] = field(default_factory=dict)
    """Messages counted as accepted in an earlier batch that the milter refused: by grant, day and envelope sender."""
    hosts: dict[str, float] = field(default_factory=dict)
    """When each mail host's messages were last judged by the milter, in seconds since 1970."""

    def count(self, grant_id: int, day: date, sender: str, outcome: PolicyOutcome, at: float) -> None:
        """Count one answer."""
        tally = self.days.get((grant_id, day))
        if tally is None:
            tally = self.days[grant_id, day] = Tally()
        _count(tally, outcome, at)
        _count_sender(self.senders.setdefault(grant_id, {}), sender, outcome, at)

    def count_author(self, grant_id: int, author: str, outcome: PolicyOutcome, at: float) -> None:
        """Count what a message showed in From; the message itself is counted by `count` or `count_refused`."""
        _count_sender(self.authors.setdefault(grant_id, {}), author, outcome, at)

    def count_refused(self, grant_id: int, day: date, at: float) -> None:
        """Count a message that was refused for what it holds, its envelope being as permitted."""
        _count(self.days.setdefault((grant_id, day), Tally()), PolicyOutcome.REFUSED, at)

    def take_back(self, grant_id: int, day: date, sender: str) -> None:
        """One message that was counted as accepted on `day` did not pass after all."""
        sender = _storable(sender)
        tally, seen = self.days.get((grant_id, day)), self.senders.get(grant_id, {}).get(sender)
        if tally is not None and seen is not None and tally.accepted and seen.accepted:
            tally.accepted -= 1
            seen.accepted -= 1
        else:
            key = (grant_id, day, sender)
            self.taken_back[key] = self.taken_back.get(key, 0) + 1

    def note_host(self, host: str, at: float) -> None:
        """Record that the milter checked a message of this mail host."""
        if host in self.hosts or len(self.hosts) < MOST_HOSTS:
            self.hosts[host] = at

    def count_recipients(self, grant_id: int, day: date, recipients: int, external: int) -> None:
        """Count recipients of a message that was counted of the same day."""
        tally = self.days.setdefault((grant_id, day), Tally())
        tally.recipients += recipients
        tally.external += external

    def add(self, other: "Batch") -> None:
        """Add back a batch that could not be written."""
        for key, tally in other.days.items():
            self.days.setdefault(key, Tally()).add(tally)
        _add_senders(self.senders, other.senders)
        _add_senders(self.authors, other.authors)
        for row, messages in other.taken_back.items():
            self.taken_back[row] = self.taken_back.get(row, 0) + messages
        for host, at in other.hosts.items():
            self.note_host(host, max(at, self.hosts.get(host, 0.0)))

    def __bool__(self) -> bool:
        return bool(self.days or self.taken_back or self.hosts)


def _storable(sender: str) -> str:
    if not sender.isprintable() or len(sender) > LONGEST_SENDER:
        return one_line(sender)[:LONGEST_SENDER]  # A database takes no NUL, a page no line break.
    return sender


def _count_sender(senders: dict[str, Tally], sender: str, outcome: PolicyOutcome, at: float) -> None:
    sender = _storable(sender)
    seen = senders.get(sender)
    if seen is None:
        if outcome is PolicyOutcome.REFUSED and len(senders) >= MOST_STRANGERS:
            return
        seen = senders[sender] = Tally()
    _count(seen, outcome, at)


def _add_senders(mine: dict[int, dict[str, Tally]], others: dict[int, dict[str, Tally]]) -> None:
    for grant_id, senders in others.items():
        here = mine.setdefault(grant_id, {})
        for sender, tally in senders.items():
            if sender in here or len(here) < MOST_STRANGERS or tally.accepted:
                here.setdefault(sender, Tally()).add(tally)


def moment(at: float) -> datetime:
    """Seconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(at, UTC)


def _count(tally: Tally, outcome: PolicyOutcome, at: float) -> None:
    if outcome is PolicyOutcome.ACCEPTED:
        tally.accepted += 1
    elif outcome is PolicyOutcome.REFUSED:
        tally.refused += 1
    else:
        tally.deferred += 1
    tally.last_at = at
