"""What the queue is narrowed by, read from its address: a value that is none is said, and never silently left out."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.workflow import registry, selectors
from portal.workflow.selectors import QueueFilters
from portal.workflow.states import LIVE_STATES, State

SORTS = ("due", "newest", "oldest")
OLDEST_DAYS = 36_500
_LONGEST_NUMBER = 18


@dataclass(frozen=True)
class QueueQuery:
    """The filters that can be applied, a sentence for each that cannot, and what was typed as days."""

    filters: QueueFilters
    problems: tuple[str, ...]
    older_typed: str


def stage_choices() -> list[tuple[str, str]]:
    """(key, label) of every stage of every kind, each once."""
    return list(dict.fromkeys((stage.key, stage.label) for kind in registry.kinds() for stage in kind.stages))


def queue_filters(query: Mapping[str, str]) -> QueueQuery:
    """The filters of the queue in a query; `problems` says which values were left out, and why."""
    problems: list[str] = []

    def one_of(name: str, words: Mapping[str, str] | set[str], what: str) -> str:
        value = query.get(name, "")
        if value and value not in words:
            problems.append(f"“{_shown(value)}” is no {what}, so all are shown.")
            return ""
        return value

    tab = one_of("tab", dict(selectors.TABS), "tab") or "role"
    state = one_of("state", set(State.values) - {str(State.DRAFT)}, "state")
    sort = one_of("sort", set(SORTS), "order")
    older = query.get("older", "").strip()
    days = _number(older, most=OLDEST_DAYS)
    if older and days is None:
        problems.append(
            f"“{_shown(older)}” is no number of days. Type a whole number up to {OLDEST_DAYS:,}; until then all are shown."
        )
    assignee = query.get("assignee", "").strip()
    who = _number(assignee, most=10**_LONGEST_NUMBER)
    if assignee and who is None:
        problems.append(
            f"“{_shown(assignee)}” is nobody to whom a request can be assigned, so all are shown."
        )
    if sort not in SORTS:
        sort = "newest" if tab == "all" else "due"
    if sort == "due" and state and state not in LIVE_STATES:
        sort = "newest"  # A closed request is due no more.
    filters = QueueFilters(
        tab=tab,
        kind=one_of("kind", {kind.key for kind in registry.kinds()}, "kind of request"),
        state=state,
        stage=one_of("stage", dict(stage_choices()), "stage"),
        department=query.get("department", "").strip()[:150],
        assignee=who,
        older_than_days=days,
        query=query.get("q", "").strip()[:255],
        sort=sort,
    )
    return QueueQuery(filters, tuple(problems), older[:40])


def _number(text: str, *, most: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        return None
    number = int(text)
    return number if number <= most else None


def _shown(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:40]}…"
