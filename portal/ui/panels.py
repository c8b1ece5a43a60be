"""Sections that apps add to pages of others: a template, and what it shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from portal.lib.registration import ExtensionPoint

T = TypeVar("T")


@dataclass(frozen=True)
class Panel(Generic[T]):
    """A section of a page about a `T`: its template, and what that shows as `content`; empty content hides it."""

    template: str
    content_for: Callable[[T], Any]


@dataclass(frozen=True)
class FilledPanel:
    """A panel with its content for one page."""

    template: str
    content: Any


def filled(panels: ExtensionPoint[Panel[T]], subject: T) -> list[FilledPanel]:
    """The panels that have something to show of `subject`, in the order of their registration."""
    found = [FilledPanel(panel.template, panel.content_for(subject)) for panel in panels]
    return [panel for panel in found if panel.content]
