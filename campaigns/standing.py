"""Whether an approved campaign may send now, and if not, why: one answer for pages, commands, letters and the gate.

`standing_of` is a pure function of loaded rows and the day. A campaign in a state that it does not know may not send.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.utils import timezone

from campaigns.models import CampaignPermission, Platform
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.ui.moments import day_in_words

SENDERS = "senders"
"""The kind of grant that authorizes a service to send, by its key, because kinds do not import one another."""


InWords = Callable[[date], str]


class StandingCode(StrEnum):
    """The cases of a standing. Only `MAY_SEND` allows sending."""

    MAY_SEND = "may_send"
    BEFORE_WINDOW = "before_window"
    AFTER_WINDOW = "after_window"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    ENDED = "ended"
    """Ended by its owner."""
    OVER_LIMIT = "over_limit"
    """A stop limit is reached, and the CIO office has not decided yet."""
    NO_SENDER = "sender_not_in_force"
    """Its sender authorization is suspended, revoked, unproven, over, or for another domain."""
    UNKNOWN = "unknown"
    """Any other case; nothing may be sent."""


@dataclass(frozen=True, slots=True)
class CampaignStanding:
    """The standing of one campaign on one day."""

    code: StandingCode
    words: str
    """A short text for lists and page heads, such as "May send from Dec 1, 2026"."""
    sentence: str
    """A whole sentence with the reference."""
    stamp: str = ""
    """The stamp on its letter; "" if the letter applies as written."""
    since: date | None = None
    """The day since which this applies, in the institution's zone; None if there is none."""

    @property
    def may_send(self) -> bool:
        """Whether the approved message may be sent now."""
        return self.code is StandingCode.MAY_SEND


def standing_of(
    permission: CampaignPermission,
    today: date,
    *,
    from_address: str,
    is_over_limit: bool,
    in_words: InWords = day_in_words,
) -> CampaignStanding:
    """Return the standing of a campaign on `today`, a day in the institution's zone.

    `permission` has its grant and its sender grant loaded. `from_address` is the approved address in From, and
    `is_over_limit` says that a stop proposal is open. `in_words` formats days; replies of a mail server use ISO 8601.
    """
    grant = permission.grant
    return (
        _closed(grant, in_words)
        or _after(grant, today, in_words)
        or _held(grant, is_over_limit, in_words)
        or _sender(permission, today, from_address, in_words)
        or _in_window(grant, today, in_words)
    )


def _closed(grant: Grant, in_words: InWords) -> CampaignStanding | None:
    on = _day(grant.state_changed_at)
    if grant.state == GrantState.REVOKED:
        return CampaignStanding(
            StandingCode.REVOKED,
            f"Revoked on {in_words(on)}: nothing may be sent",
            f"{grant.reference} was revoked on {in_words(on)}: nothing may be sent.",
            "Revoked",
            on,
        )
    # The daily job ends a campaign after its last day, so an end on a day of its term was its owner's.
    if grant.state == GrantState.ENDED and on <= grant.ends_on:
        return CampaignStanding(
            StandingCode.ENDED,
            f"Ended on {in_words(on)}: nothing may be sent",
            f"{grant.reference} was ended by its owner on {in_words(on)}: nothing may be sent.",
            "Ended",
            on,
        )
    return None


def _after(grant: Grant, today: date, in_words: InWords) -> CampaignStanding | None:
    if grant.state not in (GrantState.ENDED, GrantState.LAPSED) and today <= grant.ends_on:
        return None
    over = in_words(grant.ends_on)
    return CampaignStanding(
        StandingCode.AFTER_WINDOW,
        f"Its window ended on {over}",
        f"The window of {grant.reference} ended on {over}: nothing may be sent.",
        "Over",
        grant.ends_on,
    )


def _held(grant: Grant, is_over_limit: bool, in_words: InWords) -> CampaignStanding | None:
    on = _day(grant.state_changed_at)
    if grant.state == GrantState.SUSPENDED:
        return CampaignStanding(
            StandingCode.SUSPENDED,
            f"Suspended on {in_words(on)}: nothing may be sent until it is resumed",
            f"{grant.reference} was suspended on {in_words(on)}: nothing may be sent until it is resumed.",
            "Suspended",
            on,
        )
    if grant.state != GrantState.ACTIVE:
        state = grant.get_state_display().lower()
        return CampaignStanding(
            StandingCode.UNKNOWN,
            f"{grant.get_state_display()}: nothing may be sent",
            f"{grant.reference} is {state}: nothing may be sent.",
            "Not in force",
            on,
        )
    if is_over_limit:
        return CampaignStanding(
            StandingCode.OVER_LIMIT,
            "Over its stop limit: nothing may be sent until that is decided",
            f"{grant.reference} is over its stop limit: nothing may be sent until the CIO office or IT decides.",
            "On hold",
        )
    return None


def _sender(
    permission: CampaignPermission, today: date, from_address: str, in_words: InWords
) -> CampaignStanding | None:
    if permission.platform == Platform.LIST_SERVER:
        return None
    reference, sender = permission.grant.reference, permission.sender_grant
    why = _why_no_sender(sender, today, from_address, in_words)
    if not why:
        return None
    since = _day(sender.state_changed_at) if sender and sender.state != GrantState.ACTIVE else None
    return CampaignStanding(
        StandingCode.NO_SENDER,
        f"{why}: nothing may be sent",
        f"{reference} may not send now: {why[0].lower()}{why[1:]}.",
        "On hold",
        since,
    )


def _why_no_sender(sender: Grant | None, today: date, from_address: str, in_words: InWords) -> str:
    if sender is None or sender.kind != SENDERS:
        return "It has no sender authorization"
    name = f"The sender authorization {sender.reference}"
    if sender.state == GrantState.UNPROVEN:
        return f"{name} is not proven"
    if sender.state != GrantState.ACTIVE:
        on = in_words(_day(sender.state_changed_at))
        return f"{name} is {sender.get_state_display().lower()} since {on}"
    if not sender.is_in_force(today):
        begins, ended = in_words(sender.starts_on), in_words(sender.ends_on)
        return f"{name} begins on {begins}" if today < sender.starts_on else f"{name} ended on {ended}"
    domain = from_address.rpartition("@")[2].lower()
    if sender.subject_key and domain != sender.subject_key.lower():
        return f"{name} is for {sender.subject_key} now and not for {domain}"
    return ""


def _in_window(grant: Grant, today: date, in_words: InWords) -> CampaignStanding:
    first, last = in_words(grant.starts_on), in_words(grant.ends_on)
    if today < grant.starts_on:
        until = "" if grant.starts_on == grant.ends_on else f" to {last}"
        return CampaignStanding(
            StandingCode.BEFORE_WINDOW,
            f"May send from {first}{until}",
            f"{grant.reference} may send from {first}{until} and not before.",
        )
    return CampaignStanding(
        StandingCode.MAY_SEND, f"May send now, until {last}", f"{grant.reference} may send until {last}."
    )


def _day(moment: datetime) -> date:
    return timezone.localdate(moment)
