"""What this room tells the rooms above it (`portal.lib.announcements`)."""

from typing import TYPE_CHECKING

from portal.lib.announcements import Announcement

if TYPE_CHECKING:
    from portal.accounts.directory import ImportReport

directory_imported: "Announcement[ImportReport]" = Announcement()
"""The directory was made equal to a file; told inside the import's transaction."""
