"""The hook by which a change of grants reaches the mail system.

The grants room may not know how exports are written (that room is above this one), so it only says that
something changed; `portal.enforcement` listens. Without a listener nothing is published.
"""

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    """Call `listener` inside every transaction that changes what is granted."""
    if listener not in _listeners:
        _listeners.append(listener)


def changed() -> None:
    """Tell the listeners; called by services inside their transaction."""
    for listener in _listeners:
        listener()
