"""One remark of a check: how much it weighs, and the sentence for a person."""

from collections.abc import Iterable
from dataclasses import dataclass

from portal.lib.outcome import Outcome, worst


@dataclass(frozen=True)
class Note:
    """A remark; one that passes is for information and weighs nothing."""

    outcome: Outcome
    text: str

    def __str__(self) -> str:
        return self.text


def info(text: str) -> Note:
    """A remark that weighs nothing."""
    return Note(Outcome.PASS, text)


def warn(text: str) -> Note:
    """A remark about something that works but should be put right."""
    return Note(Outcome.WARN, text)


def fail(text: str) -> Note:
    """A remark about something that does not work."""
    return Note(Outcome.FAIL, text)


def unknown(text: str) -> Note:
    """A remark about something that could not be established."""
    return Note(Outcome.UNKNOWN, text)


def outcome_of(notes: Iterable[Note]) -> Outcome:
    """The worst of the notes; pass where there is none."""
    return worst(note.outcome for note in notes)
