"""Announcements of this app to the apps above it (see `portal.lib.announcements`)."""

from portal.enforcement.models import HostState
from portal.lib.announcements import Announcement

host_drifted: Announcement[HostState] = Announcement()
"""A mail host's files differ from what was released; announced once for each drift."""
