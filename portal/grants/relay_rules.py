"""What a grant lets a client of the mail relay do, as kinds return it for the policy service."""

from dataclasses import dataclass
from datetime import date

from portal.grants.states import GrantState
from portal.lib.networks import Network

REMEMBERED_DAYS = 400
"""How long the address of a grant that is out of force gets a specific refusal."""


@dataclass(frozen=True, slots=True)
class RelayRule:
    """One grant as a relay rule: clients, senders, recipients, limits and term."""

    grant_id: int
    reference: str
    state: str
    changed_on: date
    """The day (UTC, as in the exports) on which `state` became what it is."""
    starts_on: date
    ends_on: date
    """The last day in force."""
    is_held_open: bool
    """Whether an open renewal keeps it in force past `ends_on`."""
    networks: tuple[Network, ...]
    senders: tuple[str, ...]
    """Exact envelope senders in lower case; the null sender is never among them."""
    recipient_domains: tuple[str, ...] | None
    """The domains (and what lies below them) that it may send to; None for anyone."""
    per_hour: int | None
    """Messages an hour, None for no limit."""
    per_day: int | None = None
    """Recipients a calendar day in the institution's zone, None for no limit; a message to three counts three times."""
    external_per_day: int | None = None
    """Of these, recipients outside the mail domain."""

    def is_in_force(self, day: date, trusted: date | None = None) -> bool:
        """Whether it is in force on `day`; the same rule as `Grant.is_in_force`.

        `trusted`, where `day` is in doubt: the last day that was in order (`portal.grants.dating`).
        """
        if self.state != GrantState.ACTIVE:
            return False
        if trusted is None:
            return self.starts_on <= day and (day <= self.ends_on or self.is_held_open)
        return self.starts_on <= max(day, trusted) and (trusted <= self.ends_on or self.is_held_open)

    def is_remembered(self, day: date, trusted: date | None = None) -> bool:
        """Whether it is out of force on `day` and still gets a specific refusal; not for one that has yet to start."""
        if self.is_in_force(day, trusted) or (self.state == GrantState.ACTIVE and self.starts_on > day):
            return False
        return (day - self.ends_on).days <= REMEMBERED_DAYS
