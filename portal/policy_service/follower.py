"""The thread that keeps the index like the database: loads it, follows changes, says how fresh it is.

On PostgreSQL it waits for NOTIFY; elsewhere it asks for the change serial a few times a second. Either way it
asks at least twice a second, so that a lost notice costs half a second and an unreachable database is noticed.
Besides, it reads every grant anew in small parts all the time, which mends what no event told of.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Protocol

from django.db import connection
from django.utils import timezone

from portal.grants.dating import is_in_order
from portal.grants.models import TrustedDate
from portal.grants.relay_rules import RelayRule
from portal.institution import institution
from portal.policy_service.budgets import Load
from portal.policy_service.changes import CHUNK, ChangeSerial, all_rules, rules_for
from portal.policy_service.index import Index
from portal.policy_service.selectors import recipients_on
from portal.policy_service.services import CHANNEL

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.3
NOTIFY_SECONDS = 0.5
AUDIT_SECONDS = 1.0
"""Between two parts of the running comparison: 100,000 grants in 200 seconds."""
RETRY_SECONDS = (0.2, 0.5, 1.0)


class Receiver(Protocol):
    """Who is told; each call comes from the follower's thread."""

    def begin_day(self, day: date, used: dict[int, Load]) -> None:
        """What was counted of `day` so far, by permission; told once, before the index."""

    def know_day(self, last: date | None) -> None:
        """The last day that was in order, against which today's date may be in doubt; None where nobody keeps it."""

    def install(self, index: Index, as_of: float) -> None:
        """A whole index, as the database was at the monotonic moment `as_of`."""

    def apply(self, changes: dict[int, RelayRule | None], as_of: float) -> None:
        """The present rules of some grants (maybe of none); the rest is as it was until `as_of`."""


class Days:
    """The last day that was in order: as the portal keeps it, and since then as this process saw days go by.

    A worker that stopped puts no date in doubt here: whoever sees each day come need not ask.
    """

    def __init__(self) -> None:
        self._kept: date | None = None
        self._last: date | None = None
        self._is_told = False

    def last(self) -> date | None:
        """The last day in order; None before anybody kept one. One query."""
        kept = TrustedDate.objects.values_list("day", flat=True).first()
        if kept != self._kept:
            self._kept = self._last = kept
        today = timezone.localdate()
        is_in_doubt = self._last is not None and not is_in_order(today, self._last)
        if self._last is not None and not is_in_doubt:
            self._last = today
        if is_in_doubt and not self._is_told:
            logger.error("The date jumped from %s to %s; what ends by its day is held.", self._last, today)
        self._is_told = is_in_doubt
        return self._last


class Follower(threading.Thread):
    """Follows until `stop` is called."""

    def __init__(self, receiver: Receiver, known_ids: Callable[[], list[int]]) -> None:
        """`known_ids` gives the grants in the index; it is called from this thread."""
        super().__init__(name="follower", daemon=True)
        self._receiver, self._known_ids = receiver, known_ids
        self._stopping = threading.Event()
        self._serial = ChangeSerial()
        self._is_loaded = False
        self._days = Days()
        self._audited_at = time.monotonic()
        self._audit: Iterator[list[int]] = iter(())

    def stop(self) -> None:
        """Ask the thread to end; join it afterwards."""
        self._stopping.set()

    def run(self) -> None:
        """Follow; after any failure try again, with a fresh connection."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self._listen()
                self._load()
                while not self._stopping.is_set():
                    self._step()
                    failures = 0
                    self._wait()
            except Exception as error:
                # Whatever it was, the index grows old and the service stops answering: nothing is guessed.
                if failures == 0:
                    logger.exception("The index does not follow the database: %s", type(error).__name__)
                connection.close()
                self._stopping.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
        connection.close()

    def _listen(self) -> None:
        connection.ensure_connection()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")

    def _load(self) -> None:
        if self._is_loaded:
            return
        as_of = time.monotonic()
        self._serial.start()
        today = timezone.localdate()
        self._receiver.begin_day(
            today, {grant: Load(*counts) for grant, counts in recipients_on(today).items()}
        )
        self._receiver.know_day(self._days.last())
        index = Index(all_rules(), institution().campus_networks)
        self._receiver.install(index, as_of)
        self._is_loaded = True
        logger.info("The index holds %d permissions after %.1f s.", len(index), time.monotonic() - as_of)

    def _step(self) -> None:
        as_of = time.monotonic()
        changed = self._serial.changed_grants()
        if as_of - self._audited_at >= AUDIT_SECONDS:
            changed |= set(self._next_part())
            self._audited_at = as_of
        self._receiver.know_day(self._days.last())
        self._receiver.apply(rules_for(changed), as_of)

    def _next_part(self) -> list[int]:
        part = next(self._audit, None)
        if part is None:
            known = self._known_ids()
            self._audit = iter([known[start : start + CHUNK] for start in range(0, len(known), CHUNK)])
            part = next(self._audit, [])
        return part

    def _wait(self) -> None:
        if connection.vendor != "postgresql":
            self._stopping.wait(POLL_SECONDS)
            return
        raw = connection.connection
        for _ in raw.notifies(timeout=NOTIFY_SECONDS, stop_after=1):
            pass
