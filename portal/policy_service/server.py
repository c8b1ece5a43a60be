"""The server: accepting connections, closing slow ones, writing counts, and a clean stop."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from django.db import connection, connections
from django.utils import timezone

from portal.policy_service.answering import Answering
from portal.policy_service.client import Client, Limits, MilterClient, PolicyClient, ThrottledLog
from portal.policy_service.gatekeeping import Gatekeeper
from portal.policy_service.services import prune, write_batch
from portal.policy_service.tallies import Batch

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 1.0
READ_SIZE = 65_536


class PolicyServer:
    """Accepts connections, closes slow ones, and writes the counts."""

    def __init__(self, *, answering: Answering, limits: Limits, batch_seconds: float) -> None:
        self.answering, self.limits = answering, limits
        self.keeper = Gatekeeper()
        self.clients: set[Client] = set()
        self.buffer = memoryview(bytearray(READ_SIZE))
        self.log, self._write_log = ThrottledLog(), ThrottledLog()
        self._batch_seconds = batch_seconds
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="counts")
        self._pruned_on: date | None = None

    def client(self) -> Client:
        """What answers a new connection of the policy protocol."""
        return PolicyClient(self)

    def milter(self) -> Client:
        """What answers a new connection of the milter protocol."""
        return MilterClient(self)

    def admit(self, client: Client) -> bool:
        """Whether one more is allowed."""
        if len(self.clients) >= self.limits.connections:
            self.log.warn("A client was turned away: there are too many connections.")
            return False
        self.clients.add(client)
        return True

    async def run(self, listeners: Sequence[asyncio.Server], stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set; then close the connections and write the last counts."""
        jobs = [asyncio.create_task(self.sweep()), asyncio.create_task(self._write_batches())]
        await stopping.wait()
        for listener in listeners:
            listener.close()
        for client in list(self.clients):
            client.end()
        self.keeper.close()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await self._write()
        await asyncio.get_running_loop().run_in_executor(self._writer, connections.close_all)
        self._writer.shutdown()

    async def sweep(self) -> None:
        """Cut off slow and silent clients, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for client in list(self.clients):
                client.end_if_slow(now, self.limits)

    async def _write_batches(self) -> None:
        while True:
            await asyncio.sleep(self._batch_seconds)
            await asyncio.shield(self._write())

    async def _write(self) -> None:
        """Write what was counted; what cannot be written now is kept for the next time."""
        batch, self.answering.batch = self.answering.batch, Batch()
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write_now, batch)
        except Exception as error:
            self._write_log.warn(f"The counts could not be written and are kept: {error!r}")
            kept, self.answering.batch = self.answering.batch, batch
            self.answering.batch.add(kept)

    def _write_now(self, batch: Batch) -> None:
        today = timezone.localdate()
        try:
            if batch or self._pruned_on != today:
                write_batch(batch=batch)
            if self._pruned_on != today:
                prune(today=today)
                self._pruned_on = today
        except Exception:
            connection.close()
            raise
