"""Running one policy service: its sockets, the source of its rules, and its signals."""

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.db import connection, connections

from portal.configuration import ConfigurationError
from portal.grants.relay_rules import RelayRule
from portal.policy_service.answering import Answering
from portal.policy_service.budgets import Load, RedisBuckets
from portal.policy_service.client import Client, Limits
from portal.policy_service.follower import Follower
from portal.policy_service.index import Index
from portal.policy_service.server import PolicyServer

logger = logging.getLogger(__name__)
BACKLOG = 256
SPARE_FILES = 100
JOIN_SECONDS = 10


@dataclass(frozen=True)
class Place:
    """Where the service listens: a socket's path, or host and port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def parse_place(text: str, option: str = "--listen") -> Place:
    """HOST:PORT (IPv6 in brackets) or unix:PATH, as `option` names it. Raises ConfigurationError."""
    if text.startswith("unix:") and len(text) > len("unix:"):
        return Place(path=Path(text.removeprefix("unix:")))
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(
            f"{option} has the form 127.0.0.1:10031, [::1]:10031 or unix:/run/techmail/policy."
        )
    return Place(host=host.strip("[]"), port=int(port))


@dataclass(frozen=True)
class Plan:
    """How one service runs. Times in seconds."""

    place: Place
    milter: Place | None
    """Where the milter protocol is spoken, if anywhere."""
    limits: Limits
    batch_seconds: float
    max_age: float
    socket_mode: int


class Bridge:
    """Hands what the follower's thread found to the event loop's thread, which alone may touch the index."""

    def __init__(self, answering: Answering, loop: asyncio.AbstractEventLoop) -> None:
        self._answering, self._loop = answering, loop

    def begin_day(self, day: date, used: dict[int, Load]) -> None:
        """See Receiver."""
        self._loop.call_soon_threadsafe(self._answering.begin_day, day, used)

    def know_day(self, last: date | None) -> None:
        """See Receiver."""
        self._loop.call_soon_threadsafe(self._answering.know_day, last)

    def install(self, index: Index, as_of: float) -> None:
        """See Receiver."""
        self._loop.call_soon_threadsafe(self._install, index, as_of)

    def _install(self, index: Index, as_of: float) -> None:
        self._answering.install(index, as_of)
        # 100,000 rules stay in memory: repeated garbage collection of them would delay responses.
        gc.collect()
        gc.freeze()

    def apply(self, changes: dict[int, RelayRule | None], as_of: float) -> None:
        """See Receiver."""
        self._loop.call_soon_threadsafe(self._answering.apply, changes, as_of)


async def serve(plan: Plan) -> None:
    """Listen and answer until SIGTERM or SIGINT."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    places = [plan.place, *([plan.milter] if plan.milter else [])]
    _allow_files(plan.limits.connections)
    _bound_the_database()
    shared = RedisBuckets(settings.REDIS_URL) if settings.REDIS_URL else None
    answering = Answering(max_age=plan.max_age, shared=shared)
    follower = Follower(Bridge(answering, loop), lambda: answering.grant_ids)
    follower.start()
    server = PolicyServer(answering=answering, limits=plan.limits, batch_seconds=plan.batch_seconds)
    listeners = [await _listen(server.client, plan.place, plan.socket_mode)]
    if plan.milter is not None:
        listeners.append(await _listen(server.milter, plan.milter, plan.socket_mode))
    logger.info("The policy service listens on %s.", " and as a milter on ".join(map(str, places)))
    try:
        await server.run(listeners, stopping)
    finally:
        follower.stop()
        await asyncio.to_thread(follower.join, JOIN_SECONDS)
        if shared is not None:
            with suppress(OSError):
                await shared.close()
        for place in places:
            if place.path:
                place.path.unlink(missing_ok=True)
    logger.info("The policy service has stopped.")


async def _listen(client: Callable[[], Client], place: Place, socket_mode: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if place.path is None:
        return await loop.create_server(client, place.host, place.port, backlog=BACKLOG)
    before = os.umask(0o177)  # Nobody gets in between the bind and the mode.
    try:
        listener = await loop.create_unix_server(client, str(place.path), backlog=BACKLOG)
    finally:
        os.umask(before)
    place.path.chmod(socket_mode)
    return listener


def _allow_files(connections_: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections_ + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _bound_the_database() -> None:
    # A database that is cut off (and not down) must be noticed, so that the follower can try anew.
    if connection.vendor == "postgresql":
        options = connections["default"].settings_dict.setdefault("OPTIONS", {})
        for name, value in (("connect_timeout", 5), ("tcp_user_timeout", 10_000), ("keepalives_idle", 5)):
            options.setdefault(name, value)
