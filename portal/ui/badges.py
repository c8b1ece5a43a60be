"""What an outcome or a state looks like: its tone, its icon and its word. Never the color alone.

Tones are the design's: pass, warn, fail, unknown (dashed), info (under way) and quiet (over, or not begun).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.ui.icons import icon


@dataclass(frozen=True)
class Look:
    """How one value is shown."""

    tone: str
    icon: str
    word: str


OUTCOMES: Final = {
    "pass": Look("pass", "check-circle", "Pass"),
    "warn": Look("warn", "exclamation-triangle", "Warning"),
    "fail": Look("fail", "x-circle", "Fails"),
    "unknown": Look("unknown", "question-mark-circle", "Unknown"),
}

STATES: Final = {
    "draft": Look("quiet", "pencil-square", "Draft"),
    "in_review": Look("info", "eye", "In review"),
    "needs_information": Look("warn", "chat-bubble-left-ellipsis", "Needs information"),
    "approved": Look("pass", "check-circle", "Approved"),
    "denied": Look("fail", "no-symbol", "Denied"),
    "withdrawn": Look("quiet", "arrow-uturn-left", "Withdrawn"),
    "unproven": Look("unknown", "beaker", "Not yet proven"),
    "active": Look("pass", "bolt", "Active"),
    "suspended": Look("warn", "pause-circle", "Suspended"),
    "revoked": Look("fail", "no-symbol", "Revoked"),
    "lapsed": Look("quiet", "clock", "Lapsed"),
    "ended": Look("quiet", "stop-circle", "Ended"),
    "renewal": Look("info", "arrow-path", "Renewal"),
    "change": Look("info", "pencil-square", "Change"),
    "new": Look("quiet", "sparkles", "New"),
}

ACTIONS: Final = {
    "create": Look("quiet", "pencil-square", ""),
    "submit": Look("info", "paper-airplane", ""),
    "resubmit": Look("info", "paper-airplane", ""),
    "withdraw": Look("quiet", "arrow-uturn-left", ""),
    "close": Look("quiet", "stop-circle", ""),
    "take": Look("quiet", "hand-raised", ""),
    "release": Look("quiet", "arrow-uturn-left", ""),
    "ask": Look("warn", "chat-bubble-left-ellipsis", ""),
    "advance": Look("info", "arrow-right", ""),
    "approve": Look("pass", "check", ""),
    "deny": Look("fail", "no-symbol", ""),
    "comment": Look("quiet", "chat-bubble-left", ""),
    "attach": Look("quiet", "paper-clip", ""),
    "detach": Look("quiet", "paper-clip", ""),
    "recheck": Look("quiet", "arrow-path", ""),
    "waive": Look("warn", "scale", ""),
    "escalate": Look("warn", "bell-alert", ""),
    "issue": Look("pass", "shield-check", ""),
    "renew": Look("pass", "arrow-path", ""),
    "change": Look("info", "pencil-square", ""),
    "prove": Look("pass", "beaker", ""),
    "end": Look("quiet", "stop-circle", ""),
    "hand_over": Look("info", "arrows-right-left", ""),
    "accept": Look("pass", "user-plus", ""),
    "decline": Look("quiet", "user-minus", ""),
    "suspend": Look("warn", "pause-circle", ""),
    "resume": Look("pass", "play-circle", ""),
    "revoke": Look("fail", "no-symbol", ""),
    "lapse": Look("quiet", "clock", ""),
    "remind": Look("quiet", "bell", ""),
}

NO_ACTION: Final = Look("quiet", "ellipsis-horizontal", "")
UNKNOWN_STATE: Final = "question-mark-circle"


def look_of(value: object, looks: dict[str, Look]) -> Look:
    """The look of an enum member or its text; a value no table knows is shown as it is, as unknown."""
    text = str(getattr(value, "value", value) or "")
    return looks.get(text) or Look("unknown", UNKNOWN_STATE, text.replace("_", " ").capitalize() or "Unknown")


@lru_cache(maxsize=256)
def badge(look: Look, word: str = "") -> SafeString:
    """The badge: icon, word and tone."""
    return format_html(
        '<span class="badge-ui tone-{}">{}<span>{}</span></span>',
        look.tone,
        icon(look.icon, 16),
        word or look.word,
    )


def look_of_action(action: object) -> Look:
    """The look of an action of a request's or a grant's timeline; an unknown one is quiet."""
    return ACTIONS.get(str(action), NO_ACTION)
