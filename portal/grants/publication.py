"""The hooks by which a change of grants reaches the mail system, and by which pages learn what the mail system holds.

The grants room may not know how exports are written (that room is above this one), so it only says that
something changed; `portal.enforcement` listens, and answers how far a permission got. Without a listener nothing
is published.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from portal.grants.models import Grant

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    """Call `listener` inside every transaction that changes what is granted."""
    if listener not in _listeners:
        _listeners.append(listener)


def changed() -> None:
    """Tell the listeners; called by services inside their transaction."""
    for listener in _listeners:
        listener()


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

    @property
    def sentence(self) -> str:
        """Label and reason."""
        return f"{self.label}: {self.reason}" if self.reason else f"{self.label}."


Teller = Callable[[Collection["Grant"]], dict[str, Status]]
_tellers: list[Teller] = []
_carried: list[Callable[[str], bool]] = []


def answer_by(teller: Teller, *, carries: Callable[[str], bool]) -> None:
    """Ask `teller` how far permissions got, and `carries` whether mail hosts hold permissions of a kind."""
    _tellers[:], _carried[:] = [teller], [carries]


def is_carried(kind: str) -> bool:
    """Whether permissions of `kind` reach the mail system by exports."""
    return any(carries(kind) for carries in _carried)


def statuses(grants: "Collection[Grant]") -> dict[str, Status]:
    """How far each of `grants` got, by reference; a few queries, however many they are."""
    found: dict[str, Status] = {}
    for teller in _tellers:
        found |= teller(grants)
    found |= _by_kind(grants)
    today = timezone.localdate()
    for grant in grants:
        found.setdefault(grant.reference, by_portal_alone(grant, is_active=grant.is_in_force(today)))
    return found


def _by_kind(grants: "Collection[Grant]") -> dict[str, Status]:
    """The status of those of which their kind says more than state and term do."""
    from portal.grants.kinds import standings_of

    standings = standings_of(grants)
    return {
        grant.reference: Status(Reach.ACTIVE if one.is_in_force else Reach.OUT, one.words)
        for grant in grants
        if (one := standings.get(grant.pk)) is not None
    }


def status_of(grant: "Grant") -> Status:
    """How far one grant got."""
    return statuses([grant])[grant.reference]


def by_portal_alone(grant: "Grant", *, is_active: bool) -> Status:
    """The status of a permission that no mail host holds: what its state and its term say."""
    if is_active:
        return Status(Reach.ACTIVE, "Active")
    return Status(Reach.OUT, state_words(grant))


def state_words(grant: "Grant") -> str:
    """The state of a permission that is not active today."""
    if grant.state != "active":
        return str(grant.get_state_display())
    today = timezone.localdate()
    return f"Begins on {grant.starts_on:%b %-d, %Y}" if grant.starts_on > today else "Its term is over"
