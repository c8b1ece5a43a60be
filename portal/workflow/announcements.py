"""Announcements of this app to the apps above it (see `portal.lib.announcements`)."""

from portal.lib.announcements import Announcement
from portal.workflow.models import Event

request_moved: Announcement[Event] = Announcement()
"""An action was carried out on a request; told once its event is written."""
