"""How a lower room says that something happened, without knowing who above it listens.

The listener runs in the teller's transaction, so that what it writes stands or falls with what happened.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Announcement(Generic[T]):
    """One kind of news; rooms above listen from their `apps.py`."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[T], None]] = []

    def listen(self, listener: Callable[[T], None]) -> None:
        """Call `listener` with each piece of news from now on; asking twice changes nothing."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def tell(self, news: T) -> None:
        """Tell the listeners. Called by services inside their transaction; a listener's error undoes it."""
        for listener in self._listeners:
            listener(news)
