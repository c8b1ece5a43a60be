"""Announcements of this app to the apps above it (see `portal.lib.announcements`)."""

from typing import TYPE_CHECKING

from portal.lib.announcements import Announcement

if TYPE_CHECKING:
    from portal.enforcement.models import HostState

host_drifted: "Announcement[HostState]" = Announcement()
"""A mail host's files differ from what was released; announced once for each drift."""
