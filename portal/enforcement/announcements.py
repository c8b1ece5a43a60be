"""What this room tells the rooms above it (`portal.lib.announcements`)."""

from typing import TYPE_CHECKING

from portal.lib.announcements import Announcement

if TYPE_CHECKING:
    from portal.enforcement.models import HostState

host_drifted: "Announcement[HostState]" = Announcement()
"""A mail host's files were found to differ from what was released; told once for each drift."""
