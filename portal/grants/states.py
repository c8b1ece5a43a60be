"""What may happen to a grant, as one table read by pages, services and tests."""

from dataclasses import dataclass
from enum import StrEnum

from django.db import models


class GrantState(models.TextChoices):
    """The state of a grant. Only an active one inside its term is in force."""

    UNPROVEN = "unproven", "Approved, not yet proven"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    REVOKED = "revoked", "Revoked"
    LAPSED = "lapsed", "Lapsed"
    ENDED = "ended", "Ended"


OPEN_STATES = (GrantState.UNPROVEN, GrantState.ACTIVE, GrantState.SUSPENDED)
FINAL_STATES = (GrantState.REVOKED, GrantState.ENDED)
"""States that no renewal or change ends; a new request is needed."""


class GrantParty(StrEnum):
    """Who may act on a grant."""

    HOLDER = "holder"
    """The owner or the co-owner."""
    MANAGER = "manager"
    """An IT reviewer, or the CIO office, who is neither owner nor co-owner."""
    RECEIVER = "receiver"
    """The person the grant was offered to."""


class GrantAction(models.TextChoices):
    """What a person may do to a grant; the label is the button's."""

    RENEW = "renew", "Renew"
    CHANGE = "change", "Request a change"
    END = "end", "End it now"
    HAND_OVER = "hand_over", "Hand over"
    ACCEPT = "accept", "Accept"
    DECLINE = "decline", "Decline"
    WITHDRAW_OFFER = "withdraw_offer", "Withdraw the offer"
    SUSPEND = "suspend", "Suspend"
    RESUME = "resume", "Resume"
    REVOKE = "revoke", "Revoke"


@dataclass(frozen=True)
class GrantTransition:
    """One row of the table."""

    action: GrantAction
    sources: tuple[GrantState, ...]
    target: GrantState | None
    party: GrantParty
    needs_reason: bool = False


GRANT_TRANSITIONS: tuple[GrantTransition, ...] = (
    GrantTransition(
        GrantAction.RENEW,
        (GrantState.ACTIVE, GrantState.LAPSED, GrantState.SUSPENDED),
        None,
        GrantParty.HOLDER,
    ),
    GrantTransition(GrantAction.CHANGE, (GrantState.ACTIVE,), None, GrantParty.HOLDER),
    GrantTransition(GrantAction.END, OPEN_STATES, GrantState.ENDED, GrantParty.HOLDER, needs_reason=True),
    GrantTransition(GrantAction.HAND_OVER, OPEN_STATES, None, GrantParty.HOLDER),
    GrantTransition(GrantAction.WITHDRAW_OFFER, OPEN_STATES, None, GrantParty.HOLDER),
    GrantTransition(GrantAction.ACCEPT, OPEN_STATES, None, GrantParty.RECEIVER),
    GrantTransition(GrantAction.DECLINE, OPEN_STATES, None, GrantParty.RECEIVER),
    GrantTransition(
        GrantAction.SUSPEND,
        (GrantState.ACTIVE, GrantState.UNPROVEN),
        GrantState.SUSPENDED,
        GrantParty.MANAGER,
        needs_reason=True,
    ),
    GrantTransition(
        GrantAction.RESUME,
        (GrantState.SUSPENDED,),
        GrantState.ACTIVE,
        GrantParty.MANAGER,
        needs_reason=True,
    ),
    GrantTransition(
        GrantAction.REVOKE, OPEN_STATES, GrantState.REVOKED, GrantParty.MANAGER, needs_reason=True
    ),
)

BY_GRANT_ACTION = {row.action: row for row in GRANT_TRANSITIONS}
