"""Counting in the shared cache: so many times within so many seconds, by one process or by several."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache

from portal.lib.text import storable
from portal.lib.throttle import Rate, TooOften, refuse_over, seconds_to_wait

NOON = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
RATE = Rate(times=3, seconds=60)


def test_each_slot_frees_itself_after_its_time() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert seconds_to_wait("a", RATE) == 0
        clock.shift(timedelta(seconds=20))
        assert [seconds_to_wait("a", RATE) for _ in range(4)] == [0, 0, 40, 40]
        assert seconds_to_wait("b", RATE) == 0
        clock.shift(timedelta(seconds=41))
        assert [seconds_to_wait("a", RATE) for _ in range(2)] == [0, 19]
        clock.shift(timedelta(seconds=60))
        assert [seconds_to_wait("a", RATE) for _ in range(3)] == [0, 0, 0]


def test_many_at_once_never_get_more_than_there_are() -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        waits = list(pool.map(lambda _: seconds_to_wait("crowd", RATE), range(40)))
    assert waits.count(0) == RATE.times
    assert all(0 < wait <= RATE.seconds for wait in waits if wait)


@pytest.mark.parametrize(
    ("rate", "words"), [(Rate(1, 1), "1 second"), (Rate(1, 90), "90 seconds"), (Rate(1, 121), "3 minutes")]
)
def test_who_is_refused_reads_when_to_try_again(rate: Rate, words: str) -> None:
    with time_machine.travel(NOON, tick=False):
        refuse_over(("person", RATE), (f"words-{rate.seconds}", rate), sentence="Too fast.")
        with pytest.raises(TooOften) as refused:
            refuse_over(("person", RATE), (f"words-{rate.seconds}", rate), sentence="Too fast.")
    assert str(refused.value) == f"Too fast. Try again in {words}."
    assert refused.value.wait == rate.seconds


@pytest.mark.django_db
def test_it_counts_in_the_database_as_well(settings: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "portal_cache"}
    }
    assert [seconds_to_wait("db", RATE) > 0 for _ in range(5)] == [False, False, False, True, True]
    cache.clear()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain – text", "plain – text"),
        ("a\0b", "a\ufffdb"),
        ("a\udc80b", "a?b"),
    ],
)
def test_what_no_database_keeps_is_replaced(text: str, kept: str) -> None:
    assert storable(text) == kept
    assert storable({text: [text, {"n": 1, "t": (text, None, True)}]}) == {
        kept: [kept, {"n": 1, "t": [kept, None, True]}]
    }


def test_the_cost_does_not_grow_with_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate(times=200, seconds=60)
    assert {seconds_to_wait("busy", rate) for _ in range(199)} == {0}
    asked, add = list[str](), cache.add

    def counted(key: str, *values: Any) -> bool:
        asked.append(key)
        return bool(add(key, *values))

    monkeypatch.setattr(cache, "add", counted)
    assert seconds_to_wait("busy", rate) == 0
    assert len(asked) == 1
    assert seconds_to_wait("busy", rate) > 0
    assert len(asked) == 1
