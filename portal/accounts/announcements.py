"""What this room tells the rooms above it (`portal.lib.announcements`)."""

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
"""The directory was made equal to a file; told inside the import's transaction."""


@dataclass(frozen=True)
class AccountNotice:
    """What a person must hear of their own account: the address, what was done, and a word more."""

    recipient: str
    sentence: str
    detail: str = ""


account_notice: Announcement[AccountNotice] = Announcement()
"""Something was done to a person's account; told where it is done, so that they hear of it even if it was not them."""
