"""Where a grant's days lie on its bar: pure arithmetic on days, drawn by `components/term_bar.html`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 100
"""The bar's length: every position below is a percentage of it."""


@dataclass(frozen=True)
class Tick:
    """A day on the bar."""

    day: date
    x: float
    is_past: bool


@dataclass(frozen=True)
class TermBar:
    """The bar of one term."""

    start: date
    end: date
    today: date
    filled: float
    """How far the term has run, from 0 to WIDTH."""
    today_x: float | None
    """None where today lies outside the bar."""
    today_anchor: str
    """Where the word "Today" is anchored, so that it stays inside the bar."""
    window_x: float | None
    """Where the renewal window begins; None where there is none."""
    window_width: float
    ticks: Sequence[Tick]
    sentence: str
    """The bar in words, for those who do not see it."""


def lay_out(
    *, start: date, end: date, today: date, reminders: Iterable[date] = (), renewal_opens: date | None = None
) -> TermBar:
    """The bar from the first to the last day in force (`end` counts as a day in force)."""
    days = max(1, (end - start).days + 1)

    def at(day: date) -> float:
        return round(min(1.0, max(0.0, (day - start).days / days)) * WIDTH, 2)

    inside = [day for day in sorted(set(reminders)) if start <= day <= end]
    window = at(renewal_opens) if renewal_opens and renewal_opens <= end else None
    return TermBar(
        start=start,
        end=end,
        today=today,
        filled=at(today) if today <= end else float(WIDTH),
        today_x=at(today) if start <= today <= end else None,
        today_anchor="start" if at(today) < 8 else "end" if at(today) > 92 else "middle",
        window_x=window,
        window_width=round(WIDTH - window, 2) if window is not None else 0.0,
        ticks=[Tick(day, at(day), day < today) for day in inside],
        sentence=_sentence(start, end, today, renewal_opens),
    )


def _sentence(start: date, end: date, today: date, renewal_opens: date | None) -> str:
    if today < start:
        return f"The term begins in {_days((start - today).days)}."
    if today > end:
        return f"The term ended {_days((today - end).days)} ago."
    left = (end - today).days
    words = "Today is the last day of the term." if left == 0 else f"{_days(left)} of the term are left."
    if left == 1:
        words = "1 day of the term is left."
    if renewal_opens and renewal_opens > today:
        return f"{words} Renewal opens in {_days((renewal_opens - today).days)}."
    return f"{words} Renewal is open." if renewal_opens else words


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"
