"""How often something may be done, counted in the cache that all processes share.

Each of the times allowed is a slot of its own that frees itself: `cache.add` hands a slot to one caller only, in
every backend, so that two processes never count past one another, and nothing has to be locked or cleaned up.
"""

import math
import time
from dataclasses import dataclass

from django.core.cache import cache

from portal.lib.problems import Problem


@dataclass(frozen=True)
class Rate:
    """At most `times` within any `seconds`."""

    times: int
    seconds: int


class TooOften(Problem):
    """Done too often (429); it can be done again in `wait` seconds."""

    status = 429

    def __init__(self, sentence: str, wait: int) -> None:
        super().__init__(sentence)
        self.wait = wait


def refuse_over(*limits: tuple[str, Rate], sentence: str) -> None:
    """Take a slot of each of `limits` (name, rate). Raises TooOften, with `sentence` and when to try again."""
    for name, rate in limits:
        if wait := seconds_to_wait(name, rate):
            raise TooOften(f"{sentence} Try again in {_in_words(wait)}.", wait)


def _in_words(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    return f"{-(-seconds // 60)} minutes"


def is_spent(name: str, rate: Rate) -> bool:
    """Whether no slot of `name` is free; takes none."""
    return len(cache.get_many(_slots(name, rate))) >= rate.times


def _slots(name: str, rate: Rate) -> list[str]:
    return [f"throttle:{name}:{number}" for number in range(rate.times)]


def seconds_to_wait(name: str, rate: Rate) -> int:
    """Take a slot of `name` and return 0; where none is free, the seconds until one is (at least 1)."""
    now = time.time()
    slots = _slots(name, rate)
    # Asked for all at once, so that the cost does not grow with the rate; `add` still decides who has a slot.
    taken = cache.get_many(slots)
    if any(cache.add(slot, now + rate.seconds, rate.seconds) for slot in slots if slot not in taken):
        return 0
    # A slot that freed itself in between is missing here: then it is a matter of a moment.
    ends = cache.get_many(slots).values()
    return max(1, math.ceil(min(ends, default=now) - now))
