"""How a lower app announces that something happened, without knowing the listeners above it. Listeners run in
the announcing transaction, so that their writes are committed or rolled back with it.
"""

from collections.abc import Callable
from typing import TypeVar

from portal.lib.registration import ExtensionPoint

T = TypeVar("T")


class Announcement(ExtensionPoint[Callable[[T], None]]):
    """One type of announcement; its entries are the listeners, which apps above register."""

    def tell(self, news: T) -> None:
        """Call the listeners. Used by services inside their transaction; a listener's error rolls it back."""
        for listener in self:
            listener(news)
