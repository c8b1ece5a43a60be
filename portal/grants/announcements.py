"""Announcements of this app to the apps above it (see `portal.lib.announcements`)."""

from typing import TYPE_CHECKING

from portal.lib.announcements import Announcement

if TYPE_CHECKING:
    from portal.grants.models import GrantEvent

grant_changed: "Announcement[GrantEvent]" = Announcement()
"""A grant was issued or changed; announced once its event is written."""
