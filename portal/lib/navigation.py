"""The links that apps put into every page's frame; `portal.ui.navigation` shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from portal.lib.registration import ExtensionPoint


class Person(Protocol):
    """A signed-in person, as far as the frame needs to know them."""

    @property
    def sees_everything(self) -> bool:
        """Whether other people's requests and permissions are theirs to see."""

    def has_role(self, *roles: Any) -> bool:
        """Whether the person has one of `roles`."""


@dataclass(frozen=True)
class NavigationEntry:
    """A link that an app puts into the frame."""

    label: str
    page: str
    """The name of its address; where the installation has no such page, the link is left out."""
    icon: str
    """The name of a heroicon (outline)."""
    place: int
    """Its place among the others, lowest first."""
    is_for: Callable[[Person], bool] = lambda person: True
    lists_own: bool = False
    """Whether the page lists what is the person's own, while pages below it may show others' to who sees everything."""


NAVIGATION: ExtensionPoint[NavigationEntry] = ExtensionPoint(
    lambda entry: entry.place, lambda entry: entry.page
)
