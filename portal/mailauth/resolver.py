"""The resolver that every check is handed: dnspython, with one deadline and one small cache for a report.

    resolver = Resolver(parse_servers("127.0.0.1:53"), deadline_seconds=3.0)
    report = check_domain(domain, selectors=("s1",), resolver=resolver)

`Resolver` is configuration and may be shared by threads; each report opens a `Session` of its own, in which
the same question is asked once, all waiting ones at the same time, and nothing is asked after the deadline.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from portal.mailauth import wire
from portal.mailauth.answers import Answer, AnswerKind, unknown
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.servers import Server, system_servers

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """Bounds of one report, so that no zone of a stranger's can make it long or large."""

    queries: int = 150
    """Questions put to a name server."""
    at_once: int = 40
    """Questions under way at the same time."""
    answer_bytes: int = 32 * 1024
    """Size of one answer on the wire; a larger one is not read and counts as unknown."""
    cname_links: int = 8
    """CNAME records followed from one name."""
    try_seconds: float = 1.0
    """How long one server may take before the question goes to the next, or to it once more."""


@dataclass(frozen=True)
class Resolver:
    """Which servers to ask, how long a whole report may take, and its bounds."""

    servers: tuple[Server, ...] = ()
    """Empty: the system's."""
    deadline_seconds: float = 3.0
    limits: Limits = Limits()

    def within(self, seconds: float) -> "Resolver":
        """The same resolver with another deadline for each report, in seconds."""
        return replace(self, deadline_seconds=seconds)

    def run(self, check: Callable[["Session"], Coroutine[Any, Any, T]], *, reads_records: bool = True) -> T:
        """Run one check to its end in a session of its own, from code that is not asynchronous.

        `reads_records` is False for a check that parses no SPF, DKIM or DMARC record.
        """

        async def in_session() -> T:
            return await check(self.session())

        # The first import of the parsers takes up to a second, which must not pass while the deadline runs.
        if reads_records:
            load_parsers()
        return run_to_end(in_session())

    def session(self) -> "Session":
        """A new session; its deadline begins now. Must be called where an event loop runs."""
        return Session(self.servers or system_servers(), self.deadline_seconds, self.limits)


class Session:
    """The lookups of one report (see `portal.mailauth.answers.Lookups`)."""

    def __init__(self, servers: tuple[Server, ...], deadline_seconds: float, limits: Limits) -> None:
        self._servers = servers
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + deadline_seconds
        self._gate = asyncio.Semaphore(limits.at_once)
        self._asked: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self.queries = 0
        """Questions put to a name server so far, retries not counted."""

    async def ask(self, name: str, rdtype: str) -> Answer:
        """The answer to one question, from the cache of this session where it was asked before."""
        key = (name.lower().rstrip("."), rdtype.upper())
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = self._loop.create_task(self._follow(*key))
        return await task

    async def ask_all(self, questions: Sequence[tuple[str, str]]) -> list[Answer]:
        """The answers to several questions at once, in their order."""
        return list(await asyncio.gather(*(self.ask(name, rdtype) for name, rdtype in questions)))

    async def _follow(self, name: str, rdtype: str) -> Answer:
        """Ask, and ask again for the end of a CNAME chain that the server did not follow itself."""
        target, chain = name, list[str]()
        while True:
            said = await self._one(target, rdtype)
            for link in said.chain:
                if link in chain or link == name:
                    return unknown(name, rdtype, "its CNAME records lead in a circle")
                chain.append(link)
            if len(chain) > self._limits.cname_links:
                return unknown(
                    name, rdtype, f"it leads through more than {self._limits.cname_links} CNAME records"
                )
            follow_on = said.kind is AnswerKind.NO_ANSWER and said.chain
            if not follow_on or chain[-1] == target:
                return replace(said, name=name, chain=tuple(chain))
            target = chain[-1]

    async def _one(self, name: str, rdtype: str) -> Answer:
        query = wire.question(name, rdtype)
        if query is None:
            return Answer(name, rdtype, AnswerKind.NXDOMAIN, why="no name in the DNS can be like this")
        if not self._servers:
            return unknown(name, rdtype, "no name server is configured")
        if self.queries >= self._limits.queries:
            return unknown(
                name, rdtype, f"the limit of {self._limits.queries} questions a report was reached"
            )
        self.queries += 1
        async with self._gate:
            return await self._try_servers(query, name, rdtype)

    async def _try_servers(self, query: wire.Query, name: str, rdtype: str) -> Answer:
        """Each server in turn, then the first one again: a lost datagram must not make an unknown."""
        answer = unknown(name, rdtype, "no name server answered in time")
        for server in (*self._servers, self._servers[0]):
            left = self._ends_at - self._loop.time()
            if left <= 0:
                break
            answer = await wire.exchange(
                query,
                server,
                seconds=min(left, self._limits.try_seconds),
                most_bytes=self._limits.answer_bytes,
            )
            if not answer.is_unknown or not wire.is_worth_another_try(answer):
                break
        return replace(answer, name=name, rdtype=rdtype)


def run_to_end(work: Awaitable[T]) -> T:
    """Run a coroutine to its end from plain code, also where this thread already runs an event loop."""

    async def awaited() -> T:
        return await work

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(awaited())
    result: list[T] = []
    failure: list[BaseException] = []

    def in_thread() -> None:
        try:
            result.append(asyncio.run(awaited()))
        except BaseException as error:  # handed on to the caller's thread below
            failure.append(error)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]
