"""Token buckets: as deep as an hour's share, refilled evenly, one for all processes where Redis is."""

import asyncio
from datetime import date
from pathlib import Path

import pytest
import redis as redis_client
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.policy_service.budgets import (
    BudgetUnknown,
    Caps,
    Charge,
    Load,
    LocalBuckets,
    LocalDays,
    RedisBuckets,
)
from tests.support.clock import Stopwatch
from tests.support.policy import run_apart
from tests.support.ports import free_port
from tests.support.programs import start_redis

ONE, NONE = Load(1, 0), Load(0, 0)
DAY, NEXT = date(2026, 11, 25), date(2026, 11, 26)


async def charge(  # noqa: PLR0917 - a charge and its limits
    buckets: RedisBuckets,
    grant_id: int,
    load: Load = ONE,
    per_hour: int | None = None,
    per_day: int | None = None,
    external: int | None = None,
    day: date = DAY,
    known: Load = NONE,
) -> Charge:
    return await buckets.charge(grant_id, day, load, Caps(per_hour, per_day, external), known)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return start_redis(tmp_path_factory.mktemp("redis"))


@settings(deadline=None)
@given(
    per_hour=st.integers(1, 500),
    gaps=st.lists(st.floats(0, 900, allow_nan=False), min_size=1, max_size=200),
)
def test_no_hour_passes_more_than_twice_the_budget_and_the_wait_is_true(
    per_hour: int, gaps: list[float]
) -> None:
    buckets, now, passed = LocalBuckets(), 1000.0, list[float]()
    for gap in gaps:
        now += gap
        wait = buckets.take(1, per_hour, now)
        if wait == 0:
            passed.append(now)
        else:
            assert 0 < wait <= 3600 / per_hour + 0.001
            assert LocalBuckets.take(_copy(buckets), 1, per_hour, now + wait + 0.001) == 0
    for begin in passed:
        within = [at for at in passed if begin <= at < begin + 3600]
        assert len(within) <= 2 * per_hour  # a full bucket, and what an hour refills


def _copy(buckets: LocalBuckets) -> LocalBuckets:
    other = LocalBuckets()
    other._held = dict(buckets._held)
    return other


def test_a_budget_given_back_is_there_again() -> None:
    buckets = LocalBuckets()
    assert buckets.take(1, 1, 0.0) == 0
    buckets.give_back(1)
    assert buckets.take(1, 1, 0.0) == 0
    assert buckets.take(1, 1, 0.0) == 3600
    assert buckets.take(1, 1, 3600.0) == 0


def test_processes_share_one_bucket_and_never_one_token(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What counts here is that no token is given twice, however slow the machine is.
    monkeypatch.setattr("portal.policy_service.budgets.DEADLINE_SECONDS", 30.0)
    redis_client.Redis.from_url(redis_url).flushall()

    async def take_all() -> list[float]:
        services = [RedisBuckets(redis_url) for _ in range(3)]
        charges = await asyncio.gather(*(charge(services[n % 3], 5, per_hour=40) for n in range(90)))
        others = await charge(services[0], 6, per_hour=40)
        for service in services:
            await service.close()
        return [one.wait for one in (*charges, others)]

    *waits, others = run_apart(take_all())
    assert waits.count(0.0) == 40
    assert all(0 < wait <= 90 for wait in waits if wait)
    assert others == 0
    assert 7000 < float(redis_client.Redis.from_url(redis_url).ttl("techmail:policy:5")) <= 7200


def test_a_redis_that_is_gone_leaves_the_budget_unknown_and_costs_little(tmp_path: Path) -> None:
    async def ask() -> float:
        buckets = RedisBuckets(f"redis://127.0.0.1:{free_port()}/0")
        watch = Stopwatch()
        for _ in range(200):
            with pytest.raises(BudgetUnknown):
                await charge(buckets, 1, per_hour=10)
        await buckets.close()
        return watch.seconds

    assert run_apart(ask()) < 2.0


def test_a_redis_that_hangs_is_given_up_within_the_deadline() -> None:
    async def ask() -> float:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        buckets = RedisBuckets(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        watch = Stopwatch()
        with pytest.raises(BudgetUnknown):
            await charge(buckets, 1, per_hour=10)
        taken = watch.seconds
        await buckets.close()
        server.close()
        return taken

    assert run_apart(ask()) < 2.0


def test_processes_share_one_day_and_never_pass_more_than_its_recipients(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.policy_service.budgets.DEADLINE_SECONDS", 30.0)
    redis_client.Redis.from_url(redis_url).flushall()

    async def take_all() -> tuple[list[Charge], list[Charge]]:
        services = [RedisBuckets(redis_url) for _ in range(3)]
        loads = [Load(1 + n % 3, n % 2) for n in range(120)]
        charges = await asyncio.gather(
            *(charge(services[n % 3], 5, load, per_day=100, external=30) for n, load in enumerate(loads))
        )
        later = [
            await charge(services[0], 5, Load(3, 3), per_day=100, external=30),
            await charge(services[0], 5, Load(100, 30), per_day=100, external=30, day=NEXT),
            await charge(services[0], 5, Load(1, 0), per_day=100, external=30, day=NEXT),
        ]
        for service in services:
            await service.close()
        passed = [load for load, one in zip(loads, charges, strict=True) if not one.over]
        assert sum(load.recipients for load in passed) <= 100
        assert sum(load.external for load in passed) <= 30
        assert sum(load.recipients for load in passed) >= 98
        return list(charges), later

    charges, later = run_apart(take_all())
    assert {one.over for one in charges} >= {"", "recipients"}
    assert [bool(one.over) for one in later] == [True, False, True]
    assert redis_client.Redis.from_url(redis_url).ttl(f"techmail:policy:5:{DAY}") > 86_400


def test_a_redis_that_lost_the_day_goes_on_from_what_a_process_knows(redis_url: str) -> None:
    redis_client.Redis.from_url(redis_url).flushall()

    async def take() -> list[Charge]:
        service = RedisBuckets(redis_url)
        known = Load(7, 2)
        found = [
            await charge(service, 5, Load(3, 0), per_day=10, known=known),
            await charge(service, 5, Load(1, 0), per_day=10),
        ]
        await service.close()
        return found

    first, second = run_apart(take())
    assert (first.over, first.used) == ("", Load(10, 2))
    assert (second.over, second.used) == ("recipients", Load(10, 2))


def test_an_hour_without_room_charges_nothing_to_the_day(redis_url: str) -> None:
    redis_client.Redis.from_url(redis_url).flushall()

    async def take() -> list[Charge]:
        service = RedisBuckets(redis_url)
        found = [await charge(service, 5, per_hour=1, per_day=10) for _ in range(3)]
        await service.close()
        return found

    *_, last = run_apart(take())
    assert last.wait > 0
    assert last.used == Load(1, 0)


def test_a_day_begins_with_what_was_counted_and_ends_with_it() -> None:
    days = LocalDays()
    days.begin(DAY, {1: Load(5, 2)})
    days.add(1, DAY, Load(1, 0))
    days.learn(1, DAY, Load(4, 9))
    assert days.used(1, DAY) == Load(6, 9)
    days.add(1, DAY, Load(-1, 0))
    assert days.used(1, DAY) == Load(5, 9)
    assert days.used(1, NEXT) == Load(0, 0)
    days.learn(1, DAY, Load(90, 90))  # an answer that comes after midnight is not of the new day
    days.add(1, DAY, Load(90, 90))
    assert days.used(1, NEXT) == Load(0, 0)
