"""The links of the frame: what this person may do, and where they are now."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest

from portal.accounts.roles import Role
from portal.ui.links import url_or_none

if TYPE_CHECKING:
    from portal.accounts.models import User


@dataclass(frozen=True)
class Item:
    """One link of the navigation."""

    label: str
    url: str
    icon: str
    is_current: bool


_ALL: Final = (
    ("guide", "Ask", "plus-circle"),
    ("requests", "My requests", "document-text"),
    ("grants", "My grants", "shield-check"),
)
_OFFICE: Final = (("campaign_desk", "Campaigns", "megaphone"),)
_CALENDAR: Final = (("calendar", "Calendar", "calendar-days"),)
_REVIEW: Final = (
    ("queue", "Queue", "inbox-stack"),
    ("in_force", "In force", "signal"),
)
_RENEW: Final = (("renewals", "Renewals", "arrow-path"),)
_RULES: Final = (("standards", "Standards", "book-open"),)
_ADMINISTER: Final = (("outbox", "Mail out", "paper-airplane"),)


def navigation(request: HttpRequest) -> list[Item]:
    """The links for the person of `request`; nobody signed in gets none."""
    user: User | None = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    found = [
        (label, url, icon) for name, label, icon in _entries(user) if (url := url_or_none(name)) is not None
    ]
    current = _current(request.path, [url for _, url, _ in found])
    if (
        user.sees_everything
        and current != request.path
        and current in (url_or_none("requests"), url_or_none("grants"))
    ):
        current = None  # One request may be another person's: it lies neither in "My requests" nor elsewhere.
    return [Item(label, url, icon, url == current) for label, url, icon in found]


def _entries(user: "User") -> Iterable[tuple[str, str, str]]:
    yield from _ALL
    if user.sees_everything:
        yield from _REVIEW
    if user.has_role(Role.REVIEWER):
        yield from _RENEW
    yield from _CALENDAR
    if user.has_role(Role.CIO):
        yield from _OFFICE
    yield from _RULES
    if user.has_role(Role.ADMINISTRATOR):
        yield from _ADMINISTER


def _current(path: str, urls: list[str]) -> str | None:
    """The link whose page, or a page below it, is shown: the longest match, never the start page."""
    below = [url for url in urls if url != "/" and path.startswith(url)]
    return max(below, key=len) if below else None
