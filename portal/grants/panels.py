"""Extension points for panels on the pages of permissions."""

from collections.abc import Callable, Mapping, Sequence

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.publication import Status
from portal.lib.registration import ExtensionPoint
from portal.ui.panels import Panel

GRANT_PANELS: ExtensionPoint[Panel[Grant]] = ExtensionPoint()
"""Sections of a permission's page."""
STATUS_PANELS: ExtensionPoint[Panel[Status]] = ExtensionPoint()
"""Sections of that page made from how far the permission got, which the page has read already; they come first."""
OVERVIEW_PANELS: ExtensionPoint[Panel[User]] = ExtensionPoint()
"""Sections of the page that shows what the mail system holds, for the person who reads it."""
ROW_NOTES: ExtensionPoint[Callable[[Sequence[Grant]], Mapping[int, str]]] = ExtensionPoint()
"""Each says, by id, what lists of permissions say of some of those given besides their state; few queries, none
per grant.
"""
