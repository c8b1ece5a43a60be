"""The facts about a grant to renew, and the route of its renewal that follows. Pure: no database, no DNS.

A renewal takes the short route only if every fact was checked, none changed, none is unknown, and the grant is
in use wherever use is measured. A warning that was there at the approval and is the same now is not a change;
it is shown. Anything that is missing leads to the full route.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Stand(StrEnum):
    """How a fact compares with what was approved."""

    SAME = "same"
    CHANGED = "changed"
    WARNED = "warned"
    """A warning that was there at the approval and is the same now."""
    UNKNOWN = "unknown"


class Group(StrEnum):
    """What a fact is about."""

    PERMISSION = "permission"
    PEOPLE = "people"
    STANDING = "standing"
    """What the daily check covers, checked now."""
    ANSWERS = "answers"
    CHECKS = "checks"
    """The checks before an approval, run now."""


BEFORE_FILING = frozenset({Group.PERMISSION, Group.PEOPLE, Group.STANDING})
"""What can be checked before there is a request."""
AT_FILING = frozenset(Group)
_NAMES = {
    Group.PERMISSION: "the permission itself",
    Group.PEOPLE: "the people who answer for it",
    Group.STANDING: "what the permission rests on",
    Group.ANSWERS: "the answers",
    Group.CHECKS: "the checks before an approval",
}
_OUTCOMES = {Stand.SAME: "pass", Stand.CHANGED: "fail", Stand.WARNED: "warn", Stand.UNKNOWN: "unknown"}
_WORDS = {
    Stand.SAME: "As approved",
    Stand.CHANGED: "Changed",
    Stand.WARNED: "Still a warning",
    Stand.UNKNOWN: "Unknown",
}
_RANK = (Stand.CHANGED, Stand.UNKNOWN, Stand.WARNED, Stand.SAME)


@dataclass(frozen=True)
class Fact:
    """One fact, as a sentence; `before` is the sentence at the approval, if it differs."""

    group: Group
    stand: Stand
    sentence: str
    before: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether it allows the short route: as approved, including warnings."""
        return self.stand in (Stand.SAME, Stand.WARNED)

    @property
    def outcome(self) -> str:
        """The badge it is shown with."""
        return _OUTCOMES[self.stand]

    @property
    def word(self) -> str:
        """The badge's word."""
        return _WORDS[self.stand]

    def as_json(self) -> dict[str, str]:
        """Return the fact as JSON data."""
        return {"group": self.group, "stand": self.stand, "sentence": self.sentence, "before": self.before}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the fact from JSON data."""
        return cls(
            Group(stored["group"]), Stand(stored["stand"]), stored["sentence"], stored.get("before", "")
        )


class UseStand(StrEnum):
    """Whether a grant is in use."""

    SEEN = "seen"
    IDLE = "idle"
    UNKNOWN = "unknown"
    NOT_MEASURED = "not_measured"

    @property
    def label(self) -> str:
        """The badge's word."""
        return _USE_WORDS[self]


_USE_WORDS = {
    UseStand.SEEN: "In use",
    UseStand.IDLE: "No mail",
    UseStand.UNKNOWN: "Unknown",
    UseStand.NOT_MEASURED: "Not measured",
}


@dataclass(frozen=True)
class Use:
    """Whether a grant is in use, as a sentence; not stated if nobody measures it."""

    stand: UseStand
    sentence: str

    @property
    def outcome(self) -> str:
        """The badge it is shown with: what is not measured is never shown as good."""
        return _USES[self.stand]


_USES = {
    UseStand.SEEN: "pass",
    UseStand.IDLE: "warn",
    UseStand.UNKNOWN: "unknown",
    UseStand.NOT_MEASURED: "unknown",
}


@dataclass(frozen=True)
class Classification:
    """The classification of a renewal: the short route, or every stage with the reasons."""

    is_short: bool
    reasons: tuple[str, ...]


def classify(facts: Sequence[Fact], use: Use, *, needed: Collection[Group] = AT_FILING) -> Classification:
    """Classify a renewal as unchanged, in use and green, or give the reasons why not. Every group of `needed`
    must have been checked.
    """
    reasons = [f"Nobody looked at {_NAMES[group]}." for group in Group if group in _missing(facts, needed)]
    reasons += [fact.sentence for fact in changed_first(facts) if not fact.is_settled]
    if use.stand in (UseStand.IDLE, UseStand.UNKNOWN):
        reasons.append(use.sentence)
    return Classification(not reasons, tuple(dict.fromkeys(reasons)))


def _missing(facts: Iterable[Fact], needed: Collection[Group]) -> set[Group]:
    return set(needed) - {fact.group for fact in facts}


def is_confirmable(facts: Sequence[Fact]) -> bool:
    """Whether the owner may confirm with one button: no relevant change is known."""
    return not _missing(facts, BEFORE_FILING) and all(fact.stand is not Stand.CHANGED for fact in facts)


def changed_first(facts: Iterable[Fact]) -> list[Fact]:
    """What changed, then what is unknown, then warnings, then the rest; each sentence once."""
    ordered = sorted(facts, key=lambda fact: _RANK.index(fact.stand))
    return list({(fact.stand, fact.sentence): fact for fact in ordered}.values())
