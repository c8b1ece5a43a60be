"""The one table of what may happen to a request.

Pages, services and tests read `TRANSITIONS`; `docs/architecture.md` draws its diagram from it. `party` says
who may act: which people that are for a given request is decided in `policies.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.db import models


class State(models.TextChoices):
    """Where a request stands."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    NEEDS_INFORMATION = "needs_information", "Needs information"
    APPROVED = "approved", "Approved"
    DENIED = "denied", "Denied"
    WITHDRAWN = "withdrawn", "Withdrawn"


OPEN_STATES = (State.DRAFT, State.IN_REVIEW, State.NEEDS_INFORMATION)
LIVE_STATES = (State.IN_REVIEW, State.NEEDS_INFORMATION)
CLOSED_STATES = (State.APPROVED, State.DENIED, State.WITHDRAWN)


class Party(StrEnum):
    """Who may take an action."""

    REQUESTER = "requester"
    """The requester or the co-owner."""
    DECIDER = "decider"
    """Somebody with the role of the current stage who is no party to the request (four eyes)."""
    READER = "reader"
    """Anybody who may see the request, except auditors."""


class Action(models.TextChoices):
    """What a person may do to a request; the label is the button's."""

    SUBMIT = "submit", "Submit"
    RESUBMIT = "resubmit", "Send the answers"
    WITHDRAW = "withdraw", "Withdraw"
    TAKE = "take", "Take request"
    RELEASE = "release", "Return to queue"
    ASK = "ask", "Ask a question"
    ADVANCE = "advance", "Pass to the next stage"
    APPROVE = "approve", "Approve"
    DENY = "deny", "Deny"
    COMMENT = "comment", "Comment"


@dataclass(frozen=True)
class Transition:
    """One row of the table: an action, the states it starts from, where it leads and what it asks for."""

    action: Action
    sources: tuple[State, ...]
    target: State | None
    """None where the state stays as it is."""
    party: Party
    needs_comment: bool = False
    needs_clause: bool = False


TRANSITIONS: tuple[Transition, ...] = (
    Transition(Action.SUBMIT, (State.DRAFT,), State.IN_REVIEW, Party.REQUESTER),
    Transition(Action.RESUBMIT, (State.NEEDS_INFORMATION,), State.IN_REVIEW, Party.REQUESTER),
    Transition(Action.WITHDRAW, OPEN_STATES, State.WITHDRAWN, Party.REQUESTER),
    Transition(Action.TAKE, LIVE_STATES, None, Party.DECIDER),
    Transition(Action.RELEASE, LIVE_STATES, None, Party.DECIDER),
    Transition(Action.ASK, (State.IN_REVIEW,), State.NEEDS_INFORMATION, Party.DECIDER, needs_comment=True),
    Transition(Action.ADVANCE, (State.IN_REVIEW,), State.IN_REVIEW, Party.DECIDER),
    Transition(Action.APPROVE, (State.IN_REVIEW,), State.APPROVED, Party.DECIDER, needs_comment=True),
    Transition(
        Action.DENY, (State.IN_REVIEW,), State.DENIED, Party.DECIDER, needs_comment=True, needs_clause=True
    ),
    Transition(Action.COMMENT, (*LIVE_STATES, *CLOSED_STATES), None, Party.READER, needs_comment=True),
)

BY_ACTION: dict[Action, Transition] = {row.action: row for row in TRANSITIONS}
