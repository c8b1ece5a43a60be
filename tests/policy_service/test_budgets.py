"""Token buckets: as deep as an hour's share, refilled evenly, one for all processes where Redis is."""

import asyncio
import time
from pathlib import Path

import pytest
import redis as redis_client
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.policy_service.budgets import BudgetUnknown, LocalBuckets, RedisBuckets
from tests.support.policy import run_apart
from tests.support.ports import free_port
from tests.support.programs import start_redis

pytestmark = pytest.mark.once


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
        waits = await asyncio.gather(*(services[n % 3].take(5, 40) for n in range(90)))
        others = await services[0].take(6, 40)
        for service in services:
            await service.close()
        return [*waits, others]

    *waits, others = run_apart(take_all())
    assert waits.count(0.0) == 40
    assert all(0 < wait <= 90 for wait in waits if wait)
    assert others == 0
    assert 7000 < float(redis_client.Redis.from_url(redis_url).ttl("techmail:policy:5")) <= 7200


def test_a_redis_that_is_gone_leaves_the_budget_unknown_and_costs_little(tmp_path: Path) -> None:
    async def ask() -> float:
        buckets = RedisBuckets(f"redis://127.0.0.1:{free_port()}/0")
        started = time.monotonic()
        for _ in range(200):
            with pytest.raises(BudgetUnknown):
                await buckets.take(1, 10)
        await buckets.close()
        return time.monotonic() - started

    assert run_apart(ask()) < 2.0


def test_a_redis_that_hangs_is_given_up_within_the_deadline() -> None:
    async def ask() -> float:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        buckets = RedisBuckets(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        started = time.monotonic()
        with pytest.raises(BudgetUnknown):
            await buckets.take(1, 10)
        taken = time.monotonic() - started
        await buckets.close()
        server.close()
        return taken

    assert run_apart(ask()) < 2.0
