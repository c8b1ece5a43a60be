"""How a lower app says that something happened, without knowing who above it listens.

The listener runs in the teller's transaction, so that what it writes stands or falls with what happened.
"""

from collections.abc import Callable
from typing import TypeVar

from portal.lib.registration import ExtensionPoint

T = TypeVar("T")


class Announcement(ExtensionPoint[Callable[[T], None]]):
    """One kind of news; its entries are the listeners, which apps above register."""

    def tell(self, news: T) -> None:
        """Tell the listeners. Called by services inside their transaction; a listener's error undoes it."""
        for listener in self:
            listener(news)
