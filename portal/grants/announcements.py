"""Announcements of this app to the apps above it (see `portal.lib.announcements`)."""

from portal.grants.models import GrantEvent
from portal.lib.announcements import Announcement

grant_changed: Announcement[GrantEvent] = Announcement()
"""A grant was issued or changed; announced once its event is written."""
