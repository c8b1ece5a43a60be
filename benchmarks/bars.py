"""The bars, and the figures as a table. Times compare by their medians, as the floor's does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

QUEUE_QUERIES, QUEUE_FLOORS, QUEUE_GROWTH = 8, 6.0, 1.2
REQUEST_QUERIES, REQUEST_FLOORS = 12, 8.0
JOB_MEGABYTES = 200.0

Samples = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Bar:
    """One bar: what was measured, and what it may be at most."""

    what: str
    figure: float
    most: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure is within the bar."""
        return self.figure <= self.most

    def __str__(self) -> str:
        word = "met   " if self.is_met else "MISSED"
        return f"{word} {self.what}: {self.figure:.4g}{self.unit} (at most {self.most:g}{self.unit})"


def p50(samples: Sequence[Mapping[str, Any]]) -> float:
    """The median, in milliseconds."""
    return float(median(sample["milliseconds"] for sample in samples))


def p95(samples: Sequence[Mapping[str, Any]]) -> float:
    """The time that 95 of 100 calls stay within, in milliseconds."""
    ordered = sorted(sample["milliseconds"] for sample in samples)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))])


def queries(samples: Sequence[Mapping[str, Any]]) -> int:
    """The most statements that one call sent."""
    return int(max(sample["queries"] for sample in samples))


def table(taken: Mapping[int, Samples]) -> str:
    """Every screen of every world as a Markdown table."""
    lines = [
        "| requests | screen | queries | p50 ms | p95 ms | times the floor | KB | calls |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for size, screens_ in taken.items():
        floor = p50(screens_["floor"])
        lines += [
            f"| {size:,} | {name} | {queries(samples)} | {p50(samples):.2f} | {p95(samples):.2f} "
            f"| {p50(samples) / floor:.1f} | {samples[-1]['size'] / 1024:.0f} | {len(samples)} |"
            for name, samples in screens_.items()
        ]
    return "\n".join(lines)


def screens(taken: Mapping[int, Samples], *, small: int, large: int) -> list[Bar]:
    """The bars of the queue and of the request page, each for every variant that was measured."""
    bars, floor = [], p50(taken[large]["floor"])
    for name, samples in taken[large].items():
        times = p50(samples) / floor
        if name.startswith("queue"):
            growth = p50(samples) / p50(taken[small][name])
            bars.append(Bar(f"{name}, queries", queries(samples), QUEUE_QUERIES))
            bars.append(Bar(f"{name}, beside the floor", times, QUEUE_FLOORS, " times"))
            bars.append(Bar(f"{name}, {large:,} beside {small:,}", growth, QUEUE_GROWTH, " times"))
        elif name.startswith("request"):
            bars.append(Bar(f"{name}, queries", queries(samples), REQUEST_QUERIES))
            bars.append(Bar(f"{name}, beside the floor", times, REQUEST_FLOORS, " times"))
    return bars


def jobs(results: Mapping[str, Mapping[str, float]]) -> list[Bar]:
    """The memory of the daily jobs above their start."""
    return [
        Bar(
            f"{name}, memory above its start, {found['touched']:,.0f} grants acted on",
            found["highest"] - found["before"],
            JOB_MEGABYTES,
            " MB",
        )
        for name, found in results.items()
    ]
