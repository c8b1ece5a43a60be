"""The values that components take, for views that build them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self


class Hinted(str):
    """A choice's label with a hint under it: `choices=[("printer", Hinted("Printer", "Also copiers"))]`."""

    hint: str

    def __new__(cls, label: str, hint: str) -> Self:
        """The label as text, remembering `hint`."""
        made = super().__new__(cls, label)
        made.hint = hint
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles keep the hint; Django copies a form's fields for every form."""
        return Hinted, (str(self), self.hint)


@dataclass(frozen=True)
class Row:
    """One line of a summary list. `lines` are shown one under the other; `change_url` adds a change link."""

    label: str
    value: Any = ""
    lines: Sequence[str] = ()
    is_code: bool = False
    change_url: str = ""


@dataclass(frozen=True)
class Tab:
    """One tab over a list. `count` is text, so that a capped count can say "1,000+"."""

    label: str
    url: str
    count: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Chip:
    """One filter that is set, with the address of the same list without it."""

    label: str
    remove_url: str


@dataclass(frozen=True)
class RouteStop:
    """One stage on a request's route, as people see it."""

    label: str
    status: Literal["done", "now", "next", "skipped", "stopped"]
    who: str = ""
    at: datetime | None = None
    """When it was entered (now) or left (done)."""
    due_on: date | None = None
    target: str = ""
    """The target in words, such as "2 business days"."""
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """A finding for people, where no stored one is at hand; the findings table takes either."""

    clause: str
    outcome: str
    sentence: str
    must: bool = True
    waivable: bool = False
    evidence: Mapping[str, Any] | None = None
