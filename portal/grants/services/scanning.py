"""Iteration of daily jobs over a table: ids in batches, and a failure does not stop the others."""

import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from django.db.models import QuerySet

logger = logging.getLogger(__name__)
CHUNK = 2000


def ids_of(rows: "QuerySet[Any]") -> Iterator[int]:
    """The keys of `rows`, which are ordered by key, in bounded memory."""
    last = 0
    while keys := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK]):
        yield from keys
        last = keys[-1]


def guarded(step: Callable[[int, date], bool], pk: int, today: date) -> int:
    """Return 1 if `step` did something, else 0; an error is logged."""
    try:
        return int(step(pk, today))
    except Exception:
        logger.exception("%s could not be handled; the others go on.", pk)
        return 0
