"""What explains that a permission enters an export, leaves it, or changes in it: an action on it, or the date.
Pure functions; `guard` reads the data and holds what nothing here explains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from portal.grants.states import GrantState

CHANGING = frozenset({"change", "renew", "narrow"})
"""Actions that rewrite the entries or the term of a permission."""
ENDING_BY_DAY = frozenset({"lapse", "close", "release"})
"""Actions of the portal that depend on the date: the last day has passed."""


class Seen(NamedTuple):
    """The last event of a permission that its state in an export reflects."""

    event: int = 0
    at: datetime | None = None


class Act(NamedTuple):
    """One event of a permission."""

    pk: int
    at: datetime
    action: str
    from_state: str
    to_state: str

    def is_after(self, seen: Seen) -> bool:
        """Whether it came after `seen`, by number or by time: after a restore numbers start lower."""
        return self.pk > seen.event or seen.at is None or self.at > seen.at

    @property
    def is_turn(self) -> bool:
        """Whether it changed the state of the permission."""
        return self.from_state != self.to_state and bool(self.to_state)


class Record(NamedTuple):
    """The current row of a permission with its events, oldest first."""

    state: str
    starts_on: date
    ends_on: date
    acts: Sequence[Act]
    is_held_open: bool = False
    """Whether a renewal keeps it in force past its last day."""

    def since(self, seen: Seen) -> list[Act]:
        """The events after `seen`."""
        return [act for act in self.acts if act.is_after(seen)]

    @property
    def seen(self) -> Seen:
        """The newest event."""
        return Seen(self.acts[-1].pk, self.acts[-1].at) if self.acts else Seen()


@dataclass(frozen=True)
class Clock:
    """The day of a run, and what is known of the days before."""

    day: date
    trusted: date
    """The last day that was in order (`portal.grants.dating`): `day` itself, unless the date is in doubt."""
    last: date | None
    """The day of the target's last run in that place whose date was in order; None for its first."""

    @property
    def is_doubtful(self) -> bool:
        """Whether the date jumped and nobody confirmed it."""
        return self.day != self.trusted


class Explanation(NamedTuple):
    """Whether a change is explained; if not, why it is held."""

    is_explained: bool
    why: str = ""
    is_by_day: bool = False


EXPLAINED = Explanation(True)


def removal(record: Record | None, *, ends_on: date, seen: Seen, clock: Clock) -> Explanation:
    """Whether all entries of a permission may go; `ends_on` is their last day as it was released."""
    since = record.since(seen) if record else []
    turns = [act for act in since if act.is_turn]
    if turns and turns[-1].to_state != GrantState.ACTIVE and turns[-1].action not in ENDING_BY_DAY:
        return EXPLAINED
    if record and record.state == GrantState.ACTIVE and clock.day < record.starts_on <= clock.trusted:
        return Explanation(False, "It begins later by the portal’s date, and that date is in doubt.", True)
    if record and any(act.action in CHANGING for act in since):
        # An approval changed the term, so the new last day counts.
        if record.starts_on > clock.day:
            return EXPLAINED
        ends_on = record.ends_on
        is_due = ends_on < clock.day
    else:
        has_ended = any(act.action in ENDING_BY_DAY for act in since)
        # It was released past its last day because of a renewal, so that day no longer explains a removal.
        was_held_open = clock.last is not None and ends_on < clock.last
        is_due = ends_on < clock.day and (has_ended or not was_held_open)
    if is_due:
        if ends_on >= clock.trusted:
            return Explanation(
                False, f"Its last day would be over ({ends_on:%b %-d, %Y}), but the date is in doubt.", True
            )
        return EXPLAINED
    return Explanation(False, _unexplained_removal(record))


def _unexplained_removal(record: Record | None) -> str:
    if record is None:
        return "The permission is gone from the database, and nobody revoked it."
    state = GrantState(record.state).label
    return f"The database says “{state}” without its entries in force, and no act explains it."


def addition(record: Record | None, *, seen: Seen, clock: Clock) -> Explanation:
    """Whether the entries of a permission may be added; `seen` is where it was last removed, or None."""
    if record and record.ends_on < clock.trusted and not record.is_held_open:
        return Explanation(
            False, f"Its last day was {record.ends_on:%b %-d, %Y}, and the date is in doubt.", True
        )
    turns = [act for act in record.acts if act.is_turn] if record else []
    is_active = bool(turns) and turns[-1].to_state == GrantState.ACTIVE
    acts = record.since(seen) if record else []
    came = any(act.to_state == GrantState.ACTIVE and (act.is_turn or act.action in CHANGING) for act in acts)
    if is_active and came:
        return EXPLAINED
    return Explanation(False, "The database has it in force, but no approval or resumption explains that.")


def change(record: Record | None, *, seen: Seen) -> Explanation:
    """Whether the entries of a permission may change."""
    acts = record.since(seen) if record else []
    if any(act.action in CHANGING for act in acts):
        return EXPLAINED
    return Explanation(False, "Its entries differ from those released, and no approved change explains that.")
