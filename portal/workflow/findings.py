"""What a check found: one clause, one outcome, one sentence for a person, and the evidence behind it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any

from portal.lib.outcome import Outcome


@dataclass(frozen=True)
class Found:
    """One finding of a check, before it is stored.

    `evidence` is shown to reviewers as raw record: JSON-serialisable values, no secrets. `waivable` marks the
    few must-clauses that a director may waive with a reason. `field` names the form field it is about, so
    that the live check appears beside it.
    """

    clause: str
    rule: str
    outcome: Outcome
    sentence: str
    must: bool = True
    waivable: bool = False
    field: str = ""
    evidence: Mapping[str, Any] = made_by(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether approval is barred: a must-clause that fails, or that nobody could establish."""
        return self.must and self.outcome in (Outcome.FAIL, Outcome.UNKNOWN)


def blocking(findings: Iterable[Found]) -> list[Found]:
    """The findings that bar an approval."""
    return [finding for finding in findings if finding.blocks]
