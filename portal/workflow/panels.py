"""What rooms above the engine show above the queue and on a request. A room registers its panel in its `apps.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.workflow.models import ServiceRequest


@dataclass(frozen=True)
class Panel:
    """A short list that reviewers see before the queue: its template, and what that shows as `content`."""

    template: str
    content_for: Callable[["User"], Any]


@dataclass(frozen=True)
class FilledPanel:
    """A panel with its content for one person."""

    template: str
    content: Any


_panels: list[Panel] = []


def register(panel: Panel) -> None:
    """Show `panel` above the queue from now on; registering it again changes nothing."""
    if panel not in _panels:
        _panels.append(panel)


def panels_for(actor: "User") -> list[FilledPanel]:
    """The panels that have something to show to `actor`."""
    filled = [FilledPanel(panel.template, panel.content_for(actor)) for panel in _panels]
    return [panel for panel in filled if panel.content]


_home_panels: list[Panel] = []


def register_for_home(panel: Panel) -> None:
    """Show `panel` on a member's Home from now on, before their requests; registering it again changes nothing."""
    if panel not in _home_panels:
        _home_panels.append(panel)


def home_panels_for(actor: "User") -> list[FilledPanel]:
    """The panels that have something to show to `actor` on Home."""
    filled = [FilledPanel(panel.template, panel.content_for(actor)) for panel in _home_panels]
    return [panel for panel in filled if panel.content]


@dataclass(frozen=True)
class RequestPanel:
    """What comes first on the page of a request, before what it would allow; empty content hides it."""

    template: str
    content_for: Callable[["ServiceRequest"], Any]


_request_panels: list[RequestPanel] = []


def register_for_requests(panel: RequestPanel) -> None:
    """Show `panel` on requests' pages from now on; registering it again changes nothing."""
    if panel not in _request_panels:
        _request_panels.append(panel)


def panels_of(service_request: "ServiceRequest") -> list[FilledPanel]:
    """The panels that have something to show of `service_request`."""
    filled = [FilledPanel(panel.template, panel.content_for(service_request)) for panel in _request_panels]
    return [panel for panel in filled if panel.content]
