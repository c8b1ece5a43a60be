"""Changes since the last read: events of grants are the change serial, and the rules of their grants are read again.

Every change of a grant appends a GrantEvent in its own transaction, so the highest event is a serial that every
change increases. On PostgreSQL a transaction may take a number and commit later than one with a
higher number; numbers that are missing are therefore asked for again until their transaction must be over.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import Max, Q
from django.utils import timezone

from portal.grants import dating
from portal.grants.models import Grant, GrantEvent
from portal.grants.relay_rules import REMEMBERED_DAYS, RelayRule
from portal.policy_service.kinds import relaying_kinds

LOOK_BACK = 500
"""Numbers below the first one seen that may belong to transactions still open then."""
GIVEN_UP_AFTER_SECONDS = 600.0
"""No transaction of the portal lasts so long; a number missing by then was rolled back."""
CHUNK = 500


class ChangeSerial:
    """Reads the events that were not read yet."""

    def __init__(self) -> None:
        self._top = 0
        self._missing: dict[int, float] = {}

    def start(self) -> None:
        """Begin after the newest event; what is loaded afterwards holds all that was committed before."""
        self._top = GrantEvent.objects.aggregate(top=Max("pk"))["top"] or 0
        first = max(self._top - LOOK_BACK, 0) + 1
        there = set(GrantEvent.objects.filter(pk__gte=first).values_list("pk", flat=True))
        now = time.monotonic()
        self._missing = {number: now for number in range(first, self._top) if number not in there}

    def changed_grants(self) -> set[int]:
        """The grants whose events were committed since the last call."""
        now = time.monotonic()
        wanted = Q(pk__gt=self._top)
        if self._missing:
            wanted |= Q(pk__in=list(self._missing)[:CHUNK])
        rows = dict(GrantEvent.objects.filter(wanted).order_by("pk").values_list("pk", "grant_id"))
        top = max(rows, default=0)
        if top > self._top:
            first = max(self._top + 1, top - 10 * LOOK_BACK)
            self._missing |= {number: now for number in range(first, top) if number not in rows}
            self._top = top
        self._missing = {
            number: since
            for number, since in self._missing.items()
            if number not in rows and now - since < GIVEN_UP_AFTER_SECONDS
        }
        return set(rows.values())


def all_rules() -> Iterator[RelayRule]:
    """The rules of all grants that may be needed, now or later."""
    # By the last day in order: a clock that jumped by years takes no rule away.
    since = dating.judged(timezone.localdate()).trusted - timedelta(days=REMEMBERED_DAYS)
    grants = Grant.objects.filter(Q(ends_on__gte=since) | Q(held_open_by__isnull=False))
    for kind in relaying_kinds():
        yield from kind.relay_rules(grants.filter(kind=kind.key))


def rules_for(grant_ids: Iterable[int]) -> dict[int, RelayRule | None]:
    """The present rule of each grant; None for one that has none."""
    wanted = sorted(grant_ids)
    found: dict[int, RelayRule | None] = dict.fromkeys(wanted)
    for start in range(0, len(wanted), CHUNK):
        part = Grant.objects.filter(pk__in=wanted[start : start + CHUNK])
        for kind in relaying_kinds():
            rules = kind.relay_rules(part.filter(kind=kind.key))
            found.update((rule.grant_id, rule) for rule in rules)
    return found
