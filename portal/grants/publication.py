"""The hooks by which a change of grants reaches the mail system, and by which pages learn what the mail system holds.

This app may not know how exports are written (that app is above), so it only says that something changed;
`portal.enforcement` listens, and answers how far a permission got. Without a listener nothing
is published.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from portal.grants import dating
from portal.grants.registry import standings_of
from portal.lib.announcements import Announcement
from portal.lib.registration import ExtensionPoint

if TYPE_CHECKING:
    from portal.grants.dating import Today
    from portal.grants.models import Grant, GrantEvent

permissions_changed: Announcement[None] = Announcement()
"""Something changed in what the mail system is to hold; told inside the transaction that changes it."""


def follow(event: "GrantEvent") -> None:
    """Whatever happens to a grant may change what the mail system is to hold."""
    changed()


def changed() -> None:
    """Say that what the mail system is to hold may be another: for what no event of a grant says by itself."""
    permissions_changed.tell(None)


# ---------------------------------------------------------------- how far a permission got
class Reach(StrEnum):
    """How far a permission got on its way into the mail system, or out of it."""

    ACTIVE = "active"
    """It is active, and the portal itself decides by it: no mail host takes part."""
    APPROVED = "approved"
    """It is active, but at least one mail host is not known to let it through yet."""
    RELEASED = "released"
    """It is active and was handed to the mail system, from which nobody reports."""
    LIVE = "live"
    """Every mail host reported a release that holds it as it is now."""
    LEAVING = "leaving"
    """It is not active any more, but a mail host still holds it, or could still take it up."""
    OUT = "out"
    """It is not active, and no mail host is known to hold it."""


@dataclass(frozen=True)
class Status:
    """How far a permission got, in one word for programs and in sentences for people."""

    reach: Reach
    label: str
    """A few words, such as "Live on 2 of 2 hosts"."""
    reason: str = ""
    """Why it is not further; empty where there is nothing to add."""
    detail: Any = field(default=None, compare=False, repr=False)
    """What who answered knows besides, for its own panel on the permission's page."""

    @property
    def sentence(self) -> str:
        """Label and reason."""
        return f"{self.label}: {self.reason}" if self.reason else f"{self.label}."


@dataclass(frozen=True)
class Carrier:
    """Who brings permissions to mail hosts: how far each got, by reference, and whether a kind's are brought at all."""

    statuses: Callable[[Collection["Grant"]], dict[str, Status]]
    carries: Callable[[str], bool]


CARRIERS: ExtensionPoint[Carrier] = ExtensionPoint()


def is_carried(kind: str) -> bool:
    """Whether permissions of `kind` reach the mail system by exports."""
    return any(carrier.carries(kind) for carrier in CARRIERS)


def statuses(grants: "Collection[Grant]") -> dict[str, Status]:
    """How far each of `grants` got, by reference; a few queries, however many they are."""
    found: dict[str, Status] = {}
    for carrier in CARRIERS:
        found |= carrier.statuses(grants)
    found |= _by_kind(grants)
    others = [grant for grant in grants if grant.reference not in found]
    if others:
        today = dating.today()
        found |= {grant.reference: by_portal_alone(grant, today) for grant in others}
    return found


def _by_kind(grants: "Collection[Grant]") -> dict[str, Status]:
    """The status of those of which their kind says more than state and term do."""
    standings = standings_of(grants)
    return {
        grant.reference: Status(Reach.ACTIVE if one.is_in_force else Reach.OUT, one.words)
        for grant in grants
        if (one := standings.get(grant.pk)) is not None
    }


def status_of(grant: "Grant") -> Status:
    """How far one grant got."""
    return statuses([grant])[grant.reference]


def by_portal_alone(grant: "Grant", today: "Today") -> Status:
    """The status of a permission that no mail host holds: what its state and its term say."""
    if today.is_in_force(grant):
        return Status(Reach.ACTIVE, "Active", kept_words(grant) if today.is_kept(grant) else "")
    return Status(Reach.OUT, state_words(grant))


def kept_words(grant: "Grant") -> str:
    """Why a permission is in force past its last day, or before its first, while the date is in doubt."""
    return (
        f"its term is {grant.starts_on:%b %-d, %Y} to {grant.ends_on:%b %-d, %Y}. The portal’s date is in doubt, "
        "so it stays active until an administrator confirms the date."
    )


def state_words(grant: "Grant") -> str:
    """The state of a permission that is not active today."""
    if grant.state != "active":
        return str(grant.get_state_display())
    today = timezone.localdate()
    return f"Begins on {grant.starts_on:%b %-d, %Y}" if grant.starts_on > today else "Its term is over"
