"""Waking a worker for what a transaction wrote. It is a courtesy: due work lies in the database, and beat sweeps it."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction

logger = logging.getLogger(__name__)


def once_on_commit(wake: Callable[[], None]) -> None:
    """Call `wake` after the commit, once for a transaction however often this is asked."""
    hooks = transaction.get_connection().run_on_commit
    # A hook of a savepoint that was rolled back is off this list, so what is written after it adds its own.
    if not any(hook[1] is wake for hook in hooks):
        transaction.on_commit(wake, robust=True)


def start(task: Any, *arguments: Any, verb: str) -> None:
    """Ask a worker to run the Celery `task` with `arguments` now; `verb` says in the log what the sweep will do in its place.

    A broker out of reach is no error: the sweep comes within a minute.
    """
    try:
        task.apply_async(**({"args": arguments} if arguments else {}), retry=False)
    except Exception:
        logger.warning("The broker did not take the wake-up call; the sweep will %s.", verb)
