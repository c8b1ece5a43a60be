"""Dispatching tasks to workers. This only saves time: due work is in the database, and periodic jobs do it anyway.

Tasks are named by their dotted path, as Celery itself sends them: a service asks for a task, and the task calls
the service, so
neither module can import the other.
"""

import logging
from dataclasses import dataclass

from django.db import transaction
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Call:
    """One call of a task: two of the same task with the same arguments are equal."""

    task: str
    arguments: tuple[object, ...]
    otherwise: str

    def __call__(self) -> None:
        start(self.task, *self.arguments, otherwise=self.otherwise)


def start(task: str, *arguments: object, otherwise: str) -> bool:
    """Ask a worker to run `task` with `arguments` now; returns whether the broker took it.

    An unreachable broker is no error: a periodic job does the work within minutes. `otherwise` says in the log
    what happens in place of it,
    as a sentence's second half.
    """
    call = import_string(task).apply_async
    try:
        call(**({"args": arguments} if arguments else {}), retry=False)
    except Exception:
        logger.warning("The broker did not take %s%s; %s.", task, arguments or "", otherwise)
        return False
    return True


def after_commit(task: str, *arguments: object, otherwise: str) -> None:
    """`start` once the transaction is committed, and once for it however often this is asked with the same
    arguments.
    """
    call = _Call(task, arguments, otherwise)
    hooks = transaction.get_connection().run_on_commit
    # A hook of a savepoint that was rolled back is off this list, so what is written after it adds its own.
    if not any(hook[1] == call for hook in hooks):
        transaction.on_commit(call, robust=True)
