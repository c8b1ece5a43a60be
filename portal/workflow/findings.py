"""What a check found: one clause, one outcome, one sentence for a person, and the evidence behind it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from hashlib import sha256
from typing import Any

from portal.lib.outcome import Outcome

LONGEST_RULE = 60
"""The column that keeps a finding's rule."""


@dataclass(frozen=True)
class Finding:
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


def rule_for(what: str, address: str) -> str:
    """The name of a rule about one address; it fits the column, however long the address is."""
    name = f"{what}:{address}"
    if len(name) <= LONGEST_RULE:
        return name
    return f"{what}:{sha256(address.encode()).hexdigest()[:32]}"


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that bar an approval."""
    return [finding for finding in findings if finding.blocks]
