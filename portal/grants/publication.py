"""The hooks through which changes of grants reach the mail system, and through which pages learn what the mail
system holds. This app may not know how exports are written, since that app is above it. It only announces
changes; `portal.enforcement` listens, and returns the publication status of a permission. Without a listener
nothing is published.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils import timezone

from portal.grants import dating
from portal.grants.dating import Today
from portal.grants.models import Grant, GrantEvent
from portal.grants.registry import standings_of
from portal.lib.announcements import Announcement
from portal.lib.registration import ExtensionPoint

permissions_changed: Announcement[None] = Announcement()
"""Something changed in what the mail system should hold; announced inside the transaction that changes it."""


def follow(event: GrantEvent) -> None:
    """Any event of a grant may change what the mail system should hold."""
    changed()


def changed() -> None:
    """Announce that what the mail system should hold may have changed, where no event of a grant does."""
    permissions_changed.tell(None)


# ---------------------------------------------------------------- how far a permission got
class Reach(StrEnum):
    """The publication status of a permission in the mail system."""

    ACTIVE = "active"
    """It is active, and only the portal uses it: no mail host takes part."""
    APPROVED = "approved"
    """It is active, but at least one mail host has not confirmed it yet."""
    RELEASED = "released"
    """It is active and was released to the mail system, but no host sends receipts."""
    LIVE = "live"
    """Every mail host reported a release that holds it as it is now."""
    LEAVING = "leaving"
    """It is no longer active, but a mail host still holds it, or may still apply it."""
    OUT = "out"
    """It is not active, and no mail host is known to hold it."""


@dataclass(frozen=True)
class Status:
    """The publication status of a permission: one word for programs, sentences for people."""

    reach: Reach
    label: str
    """A few words, such as "Live on 2 of 2 hosts"."""
    reason: str = ""
    """The reason for the status; empty if there is nothing to add."""
    detail: Any = field(default=None, compare=False, repr=False)
    """What who answered knows besides, for its own panel on the permission's page."""

    @property
    def sentence(self) -> str:
        """Label and reason."""
        return f"{self.label}: {self.reason}" if self.reason else f"{self.label}."


@dataclass(frozen=True)
class Carrier:
    """The provider of the publication status, by reference, and of whether a kind is exported at all."""

    statuses: Callable[[Collection[Grant]], dict[str, Status]]
    carries: Callable[[str], bool]


CARRIERS: ExtensionPoint[Carrier] = ExtensionPoint()


def is_carried(kind: str) -> bool:
    """Whether permissions of `kind` reach the mail system by exports."""
    return any(carrier.carries(kind) for carrier in CARRIERS)


def statuses(grants: Collection[Grant]) -> dict[str, Status]:
    """The publication status of each of `grants`, by reference; a fixed number of queries."""
    found: dict[str, Status] = {}
    for carrier in CARRIERS:
        found |= carrier.statuses(grants)
    found |= _by_kind(grants)
    others = [grant for grant in grants if grant.reference not in found]
    if others:
        today = dating.today()
        found |= {grant.reference: by_portal_alone(grant, today) for grant in others}
    return found


def _by_kind(grants: Collection[Grant]) -> dict[str, Status]:
    """The status of grants whose kind defines one beyond state and term."""
    standings = standings_of(grants)
    return {
        grant.reference: Status(Reach.ACTIVE if one.is_in_force else Reach.OUT, one.words)
        for grant in grants
        if (one := standings.get(grant.pk)) is not None
    }


def status_of(grant: Grant) -> Status:
    """The publication status of one grant."""
    return statuses([grant])[grant.reference]


def by_portal_alone(grant: Grant, today: Today) -> Status:
    """The status of a permission that no mail host holds, from its state and term."""
    if today.is_in_force(grant):
        return Status(Reach.ACTIVE, "Active", kept_words(grant) if today.is_kept(grant) else "")
    return Status(Reach.OUT, state_words(grant))


def kept_words(grant: Grant) -> str:
    """Why a permission is in force past its last day, or before its first, while the date is in doubt."""
    return (
        f"its term is {grant.starts_on:%b %-d, %Y} to {grant.ends_on:%b %-d, %Y}. The portal’s date is in doubt, "
        "so it stays active until an administrator confirms the date."
    )


def state_words(grant: Grant) -> str:
    """The state of a permission that is not active today."""
    if grant.state != "active":
        return str(grant.get_state_display())
    today = timezone.localdate()
    return f"Begins on {grant.starts_on:%b %-d, %Y}" if grant.starts_on > today else "Its term is over"
