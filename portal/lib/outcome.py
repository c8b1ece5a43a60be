"""The four outcomes of a check. Unknown is neither pass nor fail: it is asked again, never assumed."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """What a check established."""

    PASS = "pass"  # noqa: S105 - an outcome, no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


_SEVERITY = (Outcome.PASS, Outcome.WARN, Outcome.UNKNOWN, Outcome.FAIL)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes: fail, then unknown, then warn, then pass; pass for none."""
    return max(outcomes, key=_SEVERITY.index, default=Outcome.PASS)
