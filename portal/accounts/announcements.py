"""Announcements of this app to the apps above it (see `portal.lib.announcements`)."""

from dataclasses import dataclass

from portal.lib.announcements import Announcement


@dataclass(frozen=True)
class ImportReport:
    """What an import did."""

    added: int
    changed: int
    gone: int
    same: int


directory_imported: Announcement[ImportReport] = Announcement()
"""The directory was imported from a file; announced inside the import's transaction."""


@dataclass(frozen=True)
class AccountNotice:
    """A notice to a person about their own account: the address, what was done, and a detail."""

    recipient: str
    sentence: str
    detail: str = ""


account_notice: Announcement[AccountNotice] = Announcement()
"""A person's account was changed; announced where the change is made, so that they are notified even if
somebody else made it.
"""
