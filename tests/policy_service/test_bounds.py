"""What a client may do to the service, asked over real sockets of a server in this process."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from ipaddress import ip_network

import pytest

from portal.grants.relay_rules import RelayRule
from portal.policy_service import server as server_room
from portal.policy_service.answering import Answering
from portal.policy_service.budgets import BudgetUnknown, Caps, Charge, Load, Shared
from portal.policy_service.client import Limits
from portal.policy_service.index import Index
from portal.policy_service.server import PolicyServer
from tests.support.clock import Stopwatch
from tests.support.policy import request, run_apart

CLIENT = "129.118.10.20"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GONE = b""
MINUTE = 60
"""What ends a wait for something that does not happen."""


def rule(**facts: object) -> RelayRule:
    usual: dict[str, object] = {
        "grant_id": 7,
        "reference": "TM-R-0007",
        "state": "active",
        "changed_on": date(2026, 1, 1),
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2099, 1, 1),
        "is_held_open": False,
        "networks": (ip_network(CLIENT),),
        "senders": ("noreply-lab@ttu.edu",),
        "recipient_domains": None,
        "per_hour": None,
    }
    return RelayRule(**(usual | facts))  # type: ignore[arg-type]


def answering(*, shared: Shared | None = None, max_age: float = 60.0, **facts: object) -> Answering:
    made = Answering(max_age=max_age, shared=shared)
    made.install(Index([rule(**facts)], [ip_network("129.118.0.0/16")]), time.monotonic())
    return made


def run(
    test: "Callable[[PolicyServer, Callable[[], Awaitable[Streams]]], Awaitable[None]]",
    *,
    limits: Limits | None = None,
    answers: Answering | None = None,
    monkeypatch: pytest.MonkeyPatch | None = None,
) -> PolicyServer:
    """Run `test` with a server, and a function that connects to it; nothing is left of either."""
    policy = PolicyServer(answering=answers or answering(), limits=limits or Limits(), batch_seconds=60)

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[int]:
        listener = await asyncio.get_running_loop().create_server(policy.client, "127.0.0.1", 0)
        sweep = asyncio.create_task(policy.sweep())
        yield listener.sockets[0].getsockname()[1]
        sweep.cancel()
        listener.close()
        for client in list(policy.clients):
            client.end(at_once=True)

    async def main() -> None:
        async with asyncio.timeout(MINUTE), serving() as port:
            opened: list[asyncio.StreamWriter] = []

            async def connect() -> Streams:
                streams = await asyncio.open_connection("127.0.0.1", port)
                opened.append(streams[1])
                return streams

            await test(policy, connect)
            for writer in opened:
                writer.close()

    run_apart(main())
    return policy


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The next answer, or GONE."""
    try:
        return await reader.readuntil(b"\n\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return GONE


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(MINUTE * 100):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("It did not happen within a minute.")


GOOD = request(client_address=CLIENT)


def test_requests_of_one_connection_are_answered_in_turn() -> None:
    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        asks = [GOOD, request(client_address=CLIENT, sender=""), request(client_address="192.0.2.1")] * 100
        writer.write(b"".join(asks))
        for _ in range(100):
            assert await answer(reader) == b"action=PREPEND X-TechMail-Grant: TM-R-0007\n\n"
            assert b"REJECT 5.7.1 TM-R-0007 may not send without a sender" in await answer(reader)
            assert await answer(reader) == b"action=DUNNO\n\n"

    run(test)


@pytest.mark.parametrize(
    "sent",
    [
        b"\n\n",
        b"hello\n\n",
        b"x" * 40_000,
        GOOD[:-2] + b"\nsender=twice\n\n",
        request(client_address="unknown"),
        request(client_address="129.118.10.20/32"),
        b"\0" * 100 + b"\n\n",
    ],
    ids=["empty", "no request", "endless", "twice", "no address", "network", "nul"],
)
def test_a_malformed_request_ends_the_connection_without_an_answer(sent: bytes) -> None:
    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(GOOD + sent)
        assert (await answer(reader)).startswith(b"action=PREPEND")
        assert await answer(reader) == GONE
        other, writing = await connect()
        writing.write(GOOD)
        assert (await answer(other)).startswith(b"action=PREPEND")

    run(test)


def test_a_request_in_pieces_is_answered_when_it_is_whole() -> None:
    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (1, 2, 7, len(GOOD) - 1):
            for start in range(0, len(GOOD), size):
                writer.write(GOOD[start : start + size])
                await asyncio.sleep(0.001)
            assert (await answer(reader)).startswith(b"action=PREPEND")

    run(test)


def test_slow_and_silent_clients_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_room, "SWEEP_SECONDS", 0.05)

    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        slow, writing = await connect()
        silent, _ = await connect()
        started, watch = time.monotonic(), Stopwatch()
        with contextlib.suppress(ConnectionError):
            for byte in GOOD:  # a byte at a time would take a minute
                writing.write(bytes([byte]))
                await asyncio.sleep(0.02)
                if slow.at_eof() or slow.exception():
                    break
        assert time.monotonic() - started > 0.4
        assert watch.seconds < 3
        assert await answer(slow) == GONE
        assert await answer(silent) == GONE
        assert watch.seconds < 5
        assert not policy.clients

    run(test, limits=Limits(request=0.4, idle=1.0))


def test_a_client_that_takes_no_answers_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_room, "SWEEP_SECONDS", 0.05)

    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        long_answer = request(client_address=CLIENT, sender="president@ttu.edu")
        watch = Stopwatch()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while policy.clients:
                writer.write(long_answer * 50)
                # Once the server reads no more, this waits until the server cuts the connection.
                await asyncio.wait_for(writer.drain(), MINUTE)
        await until(lambda: not policy.clients)
        assert watch.seconds < 15

    run(test, limits=Limits(request=0.4))


def test_connections_beyond_the_bound_are_closed_and_the_others_served() -> None:
    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        kept = [await connect() for _ in range(50)]
        for reader, writer in kept:
            writer.write(GOOD)
            assert (await answer(reader)).startswith(b"action=PREPEND")
        beyond = [await connect() for _ in range(20)]
        for reader, _ in beyond:
            assert await answer(reader) == GONE
        kept[0][1].close()
        await until(lambda: len(policy.clients) < 50)
        reader, writer = await connect()
        writer.write(GOOD)
        assert (await answer(reader)).startswith(b"action=PREPEND")

    run(test, limits=Limits(connections=50))


def test_a_flood_of_one_client_does_not_starve_another() -> None:
    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        greedy, writing = await connect()
        writing.write(GOOD * 3000)
        reader, writer = await connect()
        writer.write(GOOD)
        watch = Stopwatch()
        assert (await answer(reader)).startswith(b"action=PREPEND")
        assert watch.seconds < 1.0
        for _ in range(3000):
            assert (await answer(greedy)).startswith(b"action=PREPEND")

    run(test)


@pytest.mark.parametrize(
    "answers", [Answering(max_age=60, shared=None), answering(max_age=-1)], ids=["none", "old"]
)
def test_without_a_fresh_index_the_connection_is_closed(answers: Answering) -> None:
    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        writer.write(GOOD)
        assert await answer(reader) == GONE

    assert not answers.is_ready
    run(test, answers=answers)


class SlowShared:
    """A shared bucket that takes its time, then knows or does not."""

    def __init__(self, waits: list[float | None]) -> None:
        self.waits, self.calls = waits, 0

    async def charge(self, grant_id: int, day: date, load: Load, caps: Caps, known: Load) -> Charge:
        self.calls += 1
        await asyncio.sleep(0.02)
        wait = self.waits.pop(0)
        if wait is None:
            raise BudgetUnknown("gone")
        return Charge(wait=wait)

    async def close(self) -> None:
        """Nothing is open."""


def test_asks_wait_for_the_shared_budget_and_keep_their_order() -> None:
    shared = SlowShared([0.0, 90.0, None])

    async def test(policy: PolicyServer, connect: Callable[[], Awaitable[Streams]]) -> None:
        reader, writer = await connect()
        for number in range(3):
            writer.write(request(client_address=CLIENT, instance=f"i{number}"))
        writer.write(request(client_address=CLIENT, instance="i0", recipient="other@ttu.edu"))
        writer.write(request(client_address=CLIENT, sender=""))
        assert (await answer(reader)).startswith(b"action=PREPEND")
        assert b"DEFER_IF_PERMIT 4.7.1 TM-R-0007 is over 5 messages an hour" in await answer(reader)
        assert b"DEFER_IF_PERMIT 4.7.1 The volume of TM-R-0007 cannot be checked now" in await answer(reader)
        assert (
            await answer(reader) == b"action=DUNNO\n\n"
        )  # the same message: neither charged nor headed twice
        assert b"REJECT" in await answer(reader)

    policy = run(test, answers=answering(shared=shared, per_hour=5))
    assert shared.calls == 3
    tally = next(iter(policy.answering.batch.days.values()))
    assert (tally.accepted, tally.deferred, tally.refused) == (1, 2, 1)
