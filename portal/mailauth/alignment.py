"""Identifier alignment: whether an authenticated domain speaks for the domain in From (RFC 9989 4.4)."""

from dataclasses import dataclass
from enum import StrEnum

from portal.mailauth.organizational import OrganizationalDomain


class Mode(StrEnum):
    """The value of `adkim` or `aspf`."""

    RELAXED = "r"
    STRICT = "s"


@dataclass(frozen=True)
class Aligned:
    """Alignment judged as receivers of either school judge it; None where it could not be established."""

    rfc9989: bool | None
    rfc7489: bool | None

    @property
    def everywhere(self) -> bool:
        """Whether every receiver finds it aligned."""
        return self.rfc9989 is True and self.rfc7489 is True

    @property
    def nowhere(self) -> bool:
        """Whether no receiver finds it aligned."""
        return self.rfc9989 is False and self.rfc7489 is False

    @property
    def is_unknown(self) -> bool:
        """Whether one of the two could not be established and the other does not settle it."""
        return (self.rfc9989 is None or self.rfc7489 is None) and False not in (self.rfc9989, self.rfc7489)


def is_aligned(
    identifier: str, author: str, mode: Mode, owners: tuple[str | None, str | None]
) -> bool | None:
    """Whether `identifier` (d= or the envelope's domain) is aligned with `author`, the domain in From.

    `owners` are the organizational domains of the two, in that order; they matter only where the mode is
    relaxed and the names differ. None where one of them is needed and not known.
    """
    if identifier == author:
        return True
    if mode is Mode.STRICT:
        return False
    if None in owners:
        return None
    return owners[0] == owners[1]


def align(
    identifier: str,
    author: str,
    modes: tuple[Mode, Mode],
    identifier_owner: OrganizationalDomain,
    author_owner: OrganizationalDomain,
) -> Aligned:
    """Alignment under both methods; `modes` are those that the author's record asks for by each of them."""
    return Aligned(
        rfc9989=is_aligned(identifier, author, modes[0], (identifier_owner.rfc9989, author_owner.rfc9989)),
        rfc7489=is_aligned(identifier, author, modes[1], (identifier_owner.rfc7489, author_owner.rfc7489)),
    )
