"""What every page's frame needs, by one context processor. Nothing is computed until a template asks."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.institution import institution
from portal.ui.navigation import Item, navigation


class Frame:
    """The frame of one page: its navigation and its color scheme."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def navigation(self) -> list[Item]:
        """The links for this person, the current one marked."""
        return navigation(self._request)

    @cached_property
    def theme(self) -> str:
        """The scheme a person chose, "light" or "dark"; "" leaves it to the device."""
        theme = getattr(getattr(self._request, "user", None), "theme", "")
        return theme if theme in ("light", "dark") else ""

    @cached_property
    def is_demonstration(self) -> bool:
        """Whether this installation has demo accounts, which the frame says."""
        return bool(settings.DEMO_ACCOUNTS)


def frame(request: HttpRequest) -> dict[str, Any]:
    """`institution` and `frame` (navigation, theme) for every template."""
    return {"institution": institution(), "frame": Frame(request)}
