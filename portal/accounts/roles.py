"""The roles of the portal. Each is a Django group of the same name; a person may hold several."""

from enum import StrEnum


class Role(StrEnum):
    """A role besides requester; every signed-in person may file requests."""

    REVIEWER = "it_reviewer"
    POSTMASTER = "postmaster"
    CIO = "cio_office"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"

    @property
    def label(self) -> str:
        """The role's name for people."""
        return _LABELS[self]


_LABELS = {
    Role.REVIEWER: "IT reviewer",
    Role.POSTMASTER: "Postmaster",
    Role.CIO: "CIO office",
    Role.AUDITOR: "Auditor",
    Role.ADMINISTRATOR: "Administrator",
}

DECIDERS = frozenset({Role.REVIEWER, Role.POSTMASTER, Role.CIO})
"""The roles that may decide a stage."""
SEES_EVERYTHING = frozenset({Role.REVIEWER, Role.POSTMASTER, Role.CIO, Role.AUDITOR, Role.ADMINISTRATOR})
