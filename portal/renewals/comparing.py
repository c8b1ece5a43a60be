"""Comparison of a current finding with the approval's finding of the same rule. Pure functions."""

from collections.abc import Iterable, Mapping
from typing import Any

from portal.lib.outcome import Outcome
from portal.renewals.facts import Fact, Group, Stand
from portal.workflow.evidence import facts_of
from portal.workflow.findings import Finding
from portal.workflow.models import StoredFinding

Key = tuple[str, str]
FindingLike = Finding | StoredFinding
"""A new finding, or a stored one."""


def key_of(finding: FindingLike) -> Key:
    """The rule, and the value that it checked if a rule checks several."""
    return finding.rule, str(finding.evidence.get("value", ""))


def by_key(findings: Iterable[FindingLike]) -> dict[Key, FindingLike]:
    """The findings of one run by their key."""
    return {key_of(finding): finding for finding in findings}


def compared(group: Group, now: FindingLike, then: FindingLike | None) -> Fact:
    """Compare `now` with `then`, the approval's finding of the same thing, if there is one."""
    if now.outcome == Outcome.UNKNOWN:
        return Fact(group, Stand.UNKNOWN, now.sentence)
    if then is not None and then.outcome == Outcome.UNKNOWN:
        was = "When it was approved nobody could tell, so whether it changed is not known."
        stand = Stand.UNKNOWN if now.outcome == Outcome.PASS else Stand.CHANGED
        return Fact(group, stand, f"{now.sentence} {was}" if stand is Stand.UNKNOWN else now.sentence)
    is_same = then is not None and then.outcome == now.outcome and _agree(now, then)
    if now.outcome == Outcome.PASS:
        if then is None or is_same:
            return Fact(group, Stand.SAME, now.sentence)
        # What was missing at the approval and is correct now, such as a required record, is not drift.
        stand = Stand.CHANGED if then.outcome == Outcome.PASS else Stand.SAME
        return Fact(group, stand, now.sentence, then.sentence if then.sentence != now.sentence else "")
    if now.outcome == Outcome.WARN and is_same:
        return Fact(group, Stand.WARNED, now.sentence)
    before = then.sentence if then is not None and then.sentence != now.sentence else ""
    return Fact(group, Stand.CHANGED, now.sentence, before)


def _agree(now: FindingLike, then: FindingLike) -> bool:
    """Whether the facts that both records have are equal; without a common fact, whether the sentences are."""
    ours, theirs = facts_of(now.evidence), facts_of(then.evidence)
    common = ours.keys() & theirs.keys()
    if not common:
        return now.sentence == then.sentence
    return all(_plain(ours[name]) == _plain(theirs[name]) for name in common)


def _plain(value: Any) -> Any:
    # Stored values went through JSON: a tuple became a list, and a key became text.
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    return value
