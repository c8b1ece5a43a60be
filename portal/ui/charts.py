"""Charts as plain SVG: laid out here, drawn by `templates/components/chart_*.html`.

Pure: numbers in, coordinates out, in units of the picture's own box. A strict policy allows no inline style and no
script, so a picture is shapes with classes, and the figures stand in a table behind it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 16, 40
ROW: Final = 34
_NAMES: Final = 200
_VALUES: Final = 64
MOST_SERIES: Final = 5
SMALLEST: Final = 1e-6
"""A smaller value is treated as zero."""


@dataclass(frozen=True)
class Series:
    """One row of values, in the order of the chart's labels."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and its words."""

    at: float
    label: str


@dataclass(frozen=True)
class Shape:
    """A rectangle; `look` numbers its pattern, `title` is what it says when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    look: int
    title: str


@dataclass(frozen=True)
class Table:
    """The figures behind a picture."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Columns:
    """Stacked columns over a row of labels."""

    key: str
    title: str
    description: str
    shapes: Sequence[Shape]
    ticks: Sequence[Tick]
    labels: Sequence[Tick]
    legend: Sequence[tuple[int, str]]
    table: Table
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    base: int = HEIGHT - _BOTTOM


@dataclass(frozen=True)
class Bar:
    """One bar with its name on the left and its value on the right."""

    name: str
    value: str
    y: float
    width: float
    title: str


@dataclass(frozen=True)
class Bars:
    """Bars from the left, one a line."""

    key: str
    title: str
    description: str
    bars: Sequence[Bar]
    height: float
    table: Table
    width: int = WIDTH
    left: int = _NAMES
    thickness: int = ROW - 12


@dataclass(frozen=True)
class Line:
    """A line over a row of labels: its pieces (gaps where a value is not known), its dots, and its limits."""

    key: str
    title: str
    description: str
    pieces: Sequence[str]
    dots: Sequence[Shape]
    limits: Sequence[Tick]
    ticks: Sequence[Tick]
    labels: Sequence[Tick]
    table: Table
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    base: int = HEIGHT - _BOTTOM


def nice_ticks(highest: float, most: int = 5, *, least_step: float = 0.0) -> list[float]:
    """Round values from 0 to at least `highest`, at most `most` steps, of 1, 2 or 5 times a power of ten.

    `least_step` of 1 keeps the scale of counted things whole.
    """
    if not math.isfinite(highest) or highest < SMALLEST:
        return [0.0, 1.0]
    rough = highest / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    step = max(step, least_step)
    count = math.ceil(highest / step - 1e-9)
    return [round(step * number, 10) for number in range(count + 1)]


def number(value: float) -> str:
    """A figure without needless decimals: 1,200 or 0.25."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}".rstrip("0")


def columns(
    key: str, title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = ""
) -> Columns:
    """Stacked columns. Beyond five series the smallest are taken together as "Others"."""
    shown = _fold(series, len(labels))
    totals = [sum(one.values[at] for one in shown) for at in range(len(labels))]
    marks = nice_ticks(max(totals, default=0), least_step=1.0)
    scale, base = _scale(marks[-1]), HEIGHT - _BOTTOM
    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    thick = min(40.0, slot * 0.6)
    shapes = []
    for at, label in enumerate(labels):
        top = float(base)
        for look, one in enumerate(shown):
            tall = one.values[at] * scale
            if tall > 0:
                top -= tall
                x = _LEFT + slot * at + (slot - thick) / 2
                shapes.append(
                    _rounded(
                        Shape(
                            x, top, thick, tall, look, f"{label}, {one.name}: {number(one.values[at])}{unit}"
                        )
                    )
                )
    return Columns(
        key=key,
        title=title,
        description=f"{title}: {number(sum(totals))}{unit} in all.",
        shapes=shapes,
        ticks=_ticks(marks, scale, base),
        labels=[Tick(round(_LEFT + slot * (at + 0.5), 2), label) for at, label in enumerate(labels)],
        legend=[(look, one.name) for look, one in enumerate(shown)],
        table=Table(
            ["", *(one.name for one in shown)],
            [[label, *(number(one.values[at]) for one in shown)] for at, label in enumerate(labels)],
        ),
    )


def _fold(series: Sequence[Series], count: int) -> list[Series]:
    if len(series) <= MOST_SERIES:
        return list(series)
    ordered = sorted(series, key=lambda one: -sum(one.values))
    rest = ordered[MOST_SERIES - 1 :]
    others = [sum(one.values[at] for one in rest) for at in range(count)]
    return [*ordered[: MOST_SERIES - 1], Series("Others", others)]


def bars(key: str, title: str, items: Sequence[tuple[str, float]], *, unit: str = "", head: str = "") -> Bars:
    """One bar for each (name, value), in the order given."""
    highest = max((value for _, value in items), default=0) or 1
    room = WIDTH - _NAMES - _VALUES
    return Bars(
        key=key,
        title=title,
        description=f"{title}: {len(items)} rows.",
        bars=[
            Bar(
                name,
                f"{number(value)}{unit}",
                at * ROW + 6,
                round(max(0.0, value) / highest * room, 2),
                f"{name}: {number(value)}{unit}",
            )
            for at, (name, value) in enumerate(items)
        ],
        height=max(1, len(items)) * ROW,
        table=Table([head, title], [[name, f"{number(value)}{unit}"] for name, value in items]),
    )


def line(
    key: str,
    title: str,
    points: Sequence[tuple[str, float | None]],
    *,
    unit: str = "",
    limits: Sequence[tuple[float, str]] = (),
) -> Line:
    """A line over labels; None is a gap. `limits` are (value, words) of lines across."""
    values = [value for _, value in points if value is not None]
    marks = nice_ticks(max([*values, *(value for value, _ in limits)], default=0))
    scale, base = _scale(marks[-1]), HEIGHT - _BOTTOM
    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(points))
    places = [(round(_LEFT + slot * (at + 0.5), 2), name, value) for at, (name, value) in enumerate(points)]
    return Line(
        key=key,
        title=title,
        description=f"{title}, from {points[0][0]} to {points[-1][0]}." if points else title,
        pieces=_pieces([(x, None if value is None else base - value * scale) for x, _, value in places]),
        dots=[
            _rounded(Shape(x, base - value * scale, 0, 0, 0, f"{name}: {number(value)}{unit}"))
            for x, name, value in places
            if value is not None
        ],
        limits=[Tick(round(base - value * scale, 2), words) for value, words in limits],
        ticks=_ticks(marks, scale, base),
        labels=[Tick(x, name) for x, name, _ in places],
        table=Table(
            ["", title],
            [[name, "no figures" if value is None else f"{number(value)}{unit}"] for name, value in points],
        ),
    )


def _pieces(places: Sequence[tuple[float, float | None]]) -> list[str]:
    found: list[list[str]] = [[]]
    for x, y in places:
        if y is None:
            found.append([])
        else:
            found[-1].append(f"{x},{round(y, 2)}")
    return [" ".join(piece) for piece in found if len(piece) > 1]


def _scale(highest: float) -> float:
    return (HEIGHT - _TOP - _BOTTOM) / highest


def _ticks(marks: Sequence[float], scale: float, base: float) -> list[Tick]:
    return [Tick(round(base - mark * scale, 2), number(mark)) for mark in marks]


def _rounded(shape: Shape) -> Shape:
    return Shape(
        round(shape.x, 2),
        round(shape.y, 2),
        round(shape.width, 2),
        round(shape.height, 2),
        shape.look,
        shape.title,
    )
