"""What rooms beside and above this one show on a grant's page. A room registers its panel in its `apps.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.grants.models import Grant


@dataclass(frozen=True)
class GrantPanel:
    """A section of a grant's page: its template, and what that shows as `content`; empty content hides it."""

    template: str
    content_for: Callable[["Grant"], Any]


@dataclass(frozen=True)
class FilledGrantPanel:
    """A panel with its content for one grant."""

    template: str
    content: Any


_panels: list[GrantPanel] = []


def register(panel: GrantPanel) -> None:
    """Show `panel` on grants' pages from now on; registering it again changes nothing."""
    if panel not in _panels:
        _panels.append(panel)


def panels_for(grant: "Grant") -> list[FilledGrantPanel]:
    """The panels that have something to show of `grant`, in the order in which they were registered."""
    filled = [FilledGrantPanel(panel.template, panel.content_for(grant)) for panel in _panels]
    return [panel for panel in filled if panel.content]


@dataclass(frozen=True)
class OverviewPanel:
    """A section of the page that shows what the mail system holds: its template, and what that shows as `content`."""

    template: str
    content: Callable[[], Any]


_overview: list[OverviewPanel] = []


def register_overview(panel: OverviewPanel) -> None:
    """Show `panel` on the overview from now on; registering it again changes nothing."""
    if panel not in _overview:
        _overview.append(panel)


def overview() -> list[FilledGrantPanel]:
    """The sections of the overview, in the order in which they were registered."""
    return [FilledGrantPanel(panel.template, panel.content()) for panel in _overview]
