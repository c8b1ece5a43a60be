"""Facts and unknowns, deadlines and bounds."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from portal.mailauth.answers import Answer, AnswerKind
from portal.mailauth.resolver import Limits, Resolver
from portal.mailauth.servers import Server, ServerRefused, parse_servers
from tests.mailauth.conftest import resolver_for
from tests.support.clock import Stopwatch
from tests.support.dns_server import DnsServer


def ask(resolver: Resolver, name: str, rdtype: str = "TXT") -> Answer:
    return resolver.run(lambda session: session.ask(name, rdtype))


def test_facts(server: DnsServer) -> None:
    server.txt("a.example", "hello")
    resolver = resolver_for(server.address)
    assert ask(resolver, "A.Example.").records == ("hello",)
    assert ask(resolver, "a.example", "MX").kind is AnswerKind.NO_ANSWER
    assert ask(resolver, "example").kind is AnswerKind.NO_ANSWER
    assert ask(resolver, "b.example").kind is AnswerKind.NXDOMAIN


def test_unknowns(server: DnsServer) -> None:
    server.servfail("s.example")
    server.refuse("r.example")
    server.drop("d.example")
    resolver = resolver_for(server.address, 0.5)
    assert "SERVFAIL" in ask(resolver, "s.example").why
    assert "refused" in ask(resolver, "r.example").why
    assert "in time" in ask(resolver, "d.example").why
    assert all(ask(resolver, f"{letter}.example").is_unknown for letter in "srd")


def test_nobody_listens() -> None:
    assert ask(resolver_for("127.0.0.1:1", 0.3), "a.example").is_unknown


def test_one_silent_name_does_not_hold_up_the_others(server: DnsServer) -> None:
    server.drop("d.example")
    server.txt("a.example", "hello")

    async def both(session: object) -> list[tuple[float, float]]:
        started, watch = time.monotonic(), Stopwatch()
        moments = []

        async def one(name: str) -> None:
            await session.ask(name, "TXT")  # type: ignore[attr-defined]
            moments.append((time.monotonic() - started, watch.seconds))

        await asyncio.gather(one("d.example"), one("a.example"))
        return moments

    (_, quick), (by_the_clock, slow) = resolver_for(server.address, 0.6).run(both)
    assert quick < 0.3
    assert by_the_clock > 0.5
    assert slow < 1.0


def test_the_deadline_is_for_the_whole_report(server: DnsServer) -> None:
    server.delay = 0.2

    async def many_after_one_another(session: object) -> list[Answer]:
        return [await session.ask(f"n{number}.example", "TXT") for number in range(50)]  # type: ignore[attr-defined]

    watch = Stopwatch()
    answers = resolver_for(server.address, 2.0).run(many_after_one_another)
    assert watch.seconds < 3.0
    assert not answers[0].is_unknown
    assert answers[-1].is_unknown


def test_a_lost_datagram_is_asked_again(server: DnsServer) -> None:
    server.txt("a.example", "hello")
    server.drop("a.example")
    resolver = Resolver(parse_servers(server.address), 3.0, Limits(try_seconds=0.3))

    async def heal_meanwhile(session: object) -> Answer:
        asyncio.get_running_loop().call_later(0.2, server.heal, "a.example")
        return await session.ask("a.example", "TXT")  # type: ignore[attr-defined]

    assert resolver.run(heal_meanwhile).records == ("hello",)


def test_the_next_server_is_asked(server: DnsServer) -> None:
    server.txt("a.example", "hello")
    with DnsServer() as broken:
        broken.refuse("a.example")
        resolver = resolver_for(f"{broken.address},{server.address}")
        assert ask(resolver, "a.example").records == ("hello",)


def test_the_same_question_is_asked_once(server: DnsServer) -> None:
    resolver = resolver_for(server.address)
    resolver.run(
        lambda session: session.ask_all([("a.example", "TXT"), ("A.example.", "txt"), ("a.example", "TXT")])
    )
    assert server.asked == [("a.example", "TXT")]


def test_no_more_questions_than_the_budget(server: DnsServer) -> None:
    resolver = Resolver(parse_servers(server.address), 3.0, Limits(queries=10))
    answers = resolver.run(
        lambda session: session.ask_all([(f"n{number}.example", "A") for number in range(30)])
    )
    assert len(server.asked) == 10
    assert sum(answer.is_unknown for answer in answers) == 20


def test_large_answers_come_over_tcp_up_to_a_bound(server: DnsServer) -> None:
    server.txt("large.example", "x" * 5000)
    server.txt("huge.example", "x" * 60_000)
    server.txt("cut.example", "hello")
    server.truncate("cut.example")
    resolver = resolver_for(server.address)
    assert len(ask(resolver, "large.example").records[0]) == 5000
    assert "larger than 32 kB" in ask(resolver, "huge.example").why
    assert ask(resolver, "cut.example").records == ("hello",)
    assert "tcp" in server.transports


def test_aliases_are_followed_and_shown(server: DnsServer) -> None:
    server.add("a.example", "CNAME", "b.other.")
    server.add("b.other", "CNAME", "c.other.")
    server.txt("c.other", "hello")
    answer = ask(resolver_for(server.address), "a.example")
    assert (answer.records, answer.chain) == (("hello",), ("b.other", "c.other"))


def test_aliases_without_end_are_unknown(server: DnsServer) -> None:
    server.add("x.example", "CNAME", "y.example.")
    server.add("y.example", "CNAME", "x.example.")
    for number in range(15):
        server.add(f"n{number}.example", "CNAME", f"n{number + 1}.example.")
    resolver = resolver_for(server.address)
    assert "circle" in ask(resolver, "x.example").why
    assert "more than 8" in ask(resolver, "n0.example").why


@pytest.mark.parametrize(
    "name", ["a..b", "x" * 64 + ".example", "a." * 130, "\udcff.example", "a\\.b..", "\\999"]
)
def test_impossible_names_do_not_exist(server: DnsServer, name: str) -> None:
    assert ask(resolver_for(server.address), name).kind is AnswerKind.NXDOMAIN


def in_a_loop_of_its_own(caller: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run `caller` in a thread: Playwright's own loop may be running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(caller())).result()


def test_runs_inside_a_running_loop(server: DnsServer) -> None:
    server.txt("a.example", "hello")
    resolver = resolver_for(server.address)

    async def caller() -> Answer:
        return ask(resolver, "a.example")

    assert in_a_loop_of_its_own(caller).records == ("hello",)


def test_a_failing_check_fails_inside_a_running_loop() -> None:
    async def broken(session: object) -> None:
        raise KeyError("bug")

    async def caller() -> None:
        Resolver((Server("127.0.0.1", 1),)).run(broken)

    with pytest.raises(KeyError, match="bug"):
        in_a_loop_of_its_own(caller)


def test_servers() -> None:
    assert parse_servers("127.0.0.1:5353, [::1]:53") == (Server("127.0.0.1", 5353), Server("::1", 53))
    assert str(Server("::1", 53)) == "[::1]:53"
    assert parse_servers("localhost:53")[0].port == 53
    for wrong in ("127.0.0.1", "127.0.0.1:x", ":53", "127.0.0.1:0", "127.0.0.1:65536", "a b:53"):
        with pytest.raises(ServerRefused):
            parse_servers(wrong)
