"""The texts of responses: one line of printable ASCII of limited length, whatever a grant or client contains.
The sentences are those of the exported maps (relay/exports.py), so that a refusal reads the same either way.
"""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from portal.grants.links import public_page
from portal.grants.relay_rules import RelayRule
from portal.grants.states import GrantState
from portal.institution import institution
from portal.lib.text import ascii_word, one_line

LONGEST_TEXT = 400
"""Well within an SMTP reply line of 512 octets (RFC 5321 section 4.5.3.1.5)."""
_SHOWN_SENDERS = 3
_LONGEST_NAME = 80
_LONGEST_ALLOWED = 120
_PLAIN = re.compile(r"[A-Za-z0-9-]{1,40}").fullmatch
_UNSAFE = re.compile(r"[^ -~]|[{}$,;]|  |^ | $").search
"""Characters with a meaning in a map or in main.cf (replaced in maps and in responses), and extra blanks."""
_MEANS_ITSELF = re.compile(r"[ -~](?<![{}$,;])").fullmatch


class HeaderRefusal(NamedTuple):
    """Why a message may not pass with this permission."""

    field: str
    """The name of the field."""
    found: str
    """What stands there: printable ASCII, at most LONGEST_FOUND characters."""
    because: str
    """"" where an address is not one of the permission's; else what is wrong, without a period."""


def safe(text: str) -> str:
    """The text as one bounded line of printable ASCII."""
    if _UNSAFE(text):
        text = "".join(char if _MEANS_ITSELF(char) else "_" for char in one_line(text))
    return text[:LONGEST_TEXT]


def printable(text: str, longest: int) -> str:
    """What a stranger wrote, as printable ASCII of at most `longest` characters; the rest of it is left out."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in one_line(text[: 4 * longest]))
    return plain if len(plain) <= longest else f"{plain[: longest - 3]}..."


def prepend(rule: RelayRule) -> str:
    """The header that names the grant."""
    name = rule.reference
    if not _PLAIN(name):  # Never so with the portal's own references.
        name = ascii_word(name)[:_LONGEST_NAME] or "_"
    return f"PREPEND X-TechMail-Grant: {name}"


def reject(text: str) -> str:
    """A lasting refusal."""
    return f"REJECT 5.7.1 {safe(text)}"


def link(rule: RelayRule) -> str:
    """The grant's page, where it can be renewed."""
    return public_page(rule.reference)


def ask_link() -> str:
    """Where a permission is asked for."""
    return f"Ask: {settings.PUBLIC_URL}/new/"


def out_of_force(rule: RelayRule) -> str:
    """The refusal for an address whose grant is out of force, and what to do."""
    if rule.state == GrantState.SUSPENDED:
        return f"Relay permission {rule.reference} is suspended. See {link(rule)}"
    if rule.state in (GrantState.REVOKED, GrantState.ENDED):
        return f"Relay permission {rule.reference} was {rule.state} on {rule.changed_on}. See {link(rule)}"
    return f"Relay permission {rule.reference} ended {rule.ends_on}. To renew it: {link(rule)}"


def no_sender(rule: RelayRule) -> str:
    """The null sender."""
    return f"{rule.reference} may not send without a sender address. {link(rule)}"


def wrong_sender(rule: RelayRule) -> str:
    """A sender that the grant does not name."""
    shown = [sender[:_LONGEST_NAME] for sender in rule.senders[:_SHOWN_SENDERS]]
    if len(rule.senders) > _SHOWN_SENDERS:
        shown.append(f"{len(rule.senders) - _SHOWN_SENDERS} others")
    return f"{rule.reference} may send only as {' or '.join(shown)}. {link(rule)}"


def wrong_header(rule: RelayRule, refusal: HeaderRefusal) -> str:
    """A From, Sender, Resent-From or Resent-Sender that the permission does not name, or that nobody can read."""
    senders = " or ".join(rule.senders[:_SHOWN_SENDERS])
    if len(rule.senders) > _SHOWN_SENDERS or len(senders) > _LONGEST_ALLOWED:
        others = f" or {len(rule.senders) - 1} others" if len(rule.senders) > 1 else ""
        senders = f"{rule.senders[0][:_LONGEST_NAME]}{others}"
    because = f" Here {refusal.because}." if refusal.because else ""
    start, end = f"{rule.reference} may show only {senders} in {refusal.field}.{because}", f" {link(rule)}"
    room = LONGEST_TEXT - len(start) - len(end) - len(" Found: .")
    found = f" Found: {printable(refusal.found, max(room, 20))}." if refusal.found else ""
    return f"{start}{found}{end}"


def broken_header(rule: RelayRule, what: str) -> str:
    """A header that mail programs read in different ways, or that is too much."""
    return f"{rule.reference}: the header of the message has {what}. {link(rule)}"


def wrong_recipient(rule: RelayRule) -> str:
    """A recipient outside the grant's scope."""
    return f"{rule.reference} may not send to this recipient. {link(rule)}"


def no_grant(sender: str, holders: tuple[str, ...]) -> str:
    """A client without a grant: whose the sender is, if somebody's."""
    if not holders:
        return f"No relay permission for this system. {ask_link()}"
    whose = " and ".join(holders[:_SHOWN_SENDERS])
    return f"{sender[:_LONGEST_NAME]} is for {whose} and this system has no part in it. {ask_link()}"


def over_budget(rule: RelayRule, wait_seconds: float, now: datetime) -> str:
    """Too many messages: how many are allowed, and when the next one is."""
    # The next full minute: a time of day without seconds must not be too early.
    again = timezone.localtime(now + timedelta(seconds=wait_seconds + 60))
    return f"{rule.reference} is over {rule.per_hour} messages an hour. Try again after {again:%H:%M}. {link(rule)}"


def over_day(rule: RelayRule, over: str, day: date) -> str:
    """Too many recipients on `day`: how many are allowed, and when the next one is."""
    if over == "external":
        what = f"{rule.external_per_day} recipients outside {institution().mail_domain}"
    else:
        what = f"{rule.per_day} recipients"
    return f"{rule.reference} is over {what} a day. Try again after 00:00 on {day + timedelta(days=1)}. {link(rule)}"


def budget_unknown(rule: RelayRule) -> str:
    """The shared count of messages cannot be asked."""
    return f"The volume of {rule.reference} cannot be checked now; try again later."
