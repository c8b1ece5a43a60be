"""The links of the frame: what this person may do, and where they are now. Each app registers its own."""

from dataclasses import dataclass

from django.http import HttpRequest

from portal.lib.navigation import NAVIGATION
from portal.ui.links import url_or_none


@dataclass(frozen=True)
class Item:
    """One link of the navigation."""

    label: str
    url: str
    icon: str
    is_current: bool


def navigation(request: HttpRequest) -> list[Item]:
    """The links for the person of `request`; nobody signed in gets none."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    found = [
        (entry, url)
        for entry in sorted(NAVIGATION, key=lambda entry: entry.place)
        if entry.is_for(user) and (url := url_or_none(entry.page)) is not None
    ]
    current = _current(request.path, [url for _, url in found])
    own = {url for entry, url in found if entry.lists_own}
    if user.sees_everything and current != request.path and current in own:
        current = None  # One request may be another person's: it lies neither in "My requests" nor elsewhere.
    return [Item(entry.label, url, entry.icon, url == current) for entry, url in found]


def _current(path: str, urls: list[str]) -> str | None:
    """The link whose page, or a page below it, is shown: the longest match, never the start page."""
    # One permission, at /permissions/REFERENCE/, lies below the list at /permissions/mine/.
    below = [url for url in urls if url != "/" and path.startswith(url.removesuffix("mine/"))]
    return max(below, key=len) if below else None
