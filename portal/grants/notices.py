"""Notices about changes of grants. Called by services, inside their transactions."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.db.models import Q

from portal.accounts.models import User
from portal.grants import publication
from portal.grants.models import Grant, GrantEvent, Handover
from portal.institution import institution
from portal.lib.registration import ExtensionPoint
from portal.outbox.services import enqueue
from portal.workflow.models import Part, Participation

WORDS = {
    "suspend": "Suspended",
    "resume": "Resumed",
    "revoke": "Revoked",
    "end": "Ended",
    "close": "Ended",
    "renew": "Renewed",
    "change": "Changed",
    "accept": "New owner",
    "decline": "Offer declined",
    "prove": "Proven",
    "mended": "Meets the standards again",
}
SENTENCES = {
    "suspend": "The permission is suspended until it is resumed.",
    "resume": "The permission is active again.",
    "revoke": "The permission is revoked.",
    "end": "The permission was ended by its owner.",
    "close": "The term of the permission has ended.",
    "mended": "The problem is fixed. The permission meets the standards again.",
    "decline": "The offer was declined. The permission stays with its owner.",
}


REMINDED_TOO: ExtensionPoint[Callable[[Grant], list[str]]] = ExtensionPoint()
"""Functions that return more addresses for a grant's reminders, besides its people."""


def people_of(grant: Grant) -> list[str]:
    """The addresses of owner, functional mailbox, and a co-owner who accepted to be one, each once."""
    people = [grant.owner, grant.co_owner if _has_agreed(grant) else None]
    addresses = [person.email for person in people if person is not None and person.is_active]
    if grant.functional_mailbox:
        addresses.append(grant.functional_mailbox)
    return list(dict.fromkeys(addresses))


def _has_agreed(grant: Grant) -> bool:
    """Whether the co-owner accepted that role, or did what only a co-owner does. Somebody who was only named
    gets no email.
    """
    if grant.co_owner_id is None:
        return False
    parts = Participation.objects.filter(service_request=grant.latest_request_id, person=grant.co_owner_id)
    return parts.filter(Q(accepted_at__isnull=False) | Q(part__in=(Part.REQUESTER, Part.EDITOR))).exists()


def _tell(template: str, grant: Grant, key: str, recipients: list[str], **context: Any) -> None:
    facts = {
        "reference": grant.reference,
        "title": grant.title,
        "path": grant.get_absolute_url(),
        "sentence": grant.kind_entry.permission_sentence(grant),
        "starts_on": grant.starts_on,
        "ends_on": grant.ends_on,
        **context,
    }
    for recipient in recipients:
        enqueue(
            recipient=recipient,
            template=template,
            thread=grant.reference,
            unique_key=f"{template}:{key}:{recipient}",
            context=facts,
        )


_NEXT_AT_HOSTS = {
    "resume": "Mail hosts accept its mail within a minute; its page shows when it is live.",
    "prove": "Mail hosts accept its mail within a minute; its page shows when it is live.",
    "suspend": "Mail hosts stop accepting its mail within a minute; its page shows which ones did.",
    "revoke": "Mail hosts stop accepting its mail within a minute; its page shows which ones did.",
    "end": "Mail hosts stop accepting its mail within a minute; its page shows which ones did.",
}
"""What happens next at mail hosts. Nothing has reached them yet when the email is written."""


def next_at_hosts(grant: Grant, action: str) -> str:
    """The sentence that says what mail hosts do after `action`; empty where none carry out this kind of permission."""
    return _NEXT_AT_HOSTS.get(action, "") if publication.is_carried(grant.kind) else ""


def changed(*, grant: Grant, event: GrantEvent) -> None:
    """Notify its people of a change of the permission."""
    context: dict[str, Any] = {
        "what": WORDS.get(event.action, event.action),
        "reason": event.reason,
        "actor": str(event.actor) if event.actor else institution().product,
    }
    if event.action in SENTENCES:
        context["sentence"] = SENTENCES[event.action]
    following = next_at_hosts(grant, event.action)
    if following:
        sentence = context.get("sentence", grant.kind_entry.permission_sentence(grant))
        context["sentence"] = f"{sentence} {following}"
    _tell("grant_changed", grant, str(event.pk), people_of(grant), **context)


def reminder(*, grant: Grant, due_on: date, days_left: int) -> None:
    """Remind of the end of the term; `days_left` counts from today."""
    others = [address for more in REMINDED_TOO for address in more(grant)]
    recipients = list(dict.fromkeys([*people_of(grant), *others]))
    _tell("grant_reminder", grant, f"{grant.pk}:{due_on}", recipients, days_left=days_left)


def lapsed(*, grant: Grant, event: GrantEvent) -> None:
    """The term is over."""
    _tell("grant_lapsed", grant, str(event.pk), people_of(grant))


def drifted(*, grant: Grant, event: GrantEvent, suspended_on: date | None) -> None:
    """Notify of a changed fact that the permission was approved on; `suspended_on` is None if it will not be
    suspended.
    """
    recipients = list(dict.fromkeys([*people_of(grant), institution().contact_email]))
    _tell("grant_drift", grant, str(event.pk), recipients, fact=event.reason, suspended_on=suspended_on)


def offer_withdrawn(*, grant: Grant, handover: Handover, actor: User) -> None:
    """Notify the person that the offer is withdrawn."""
    _tell(
        "grant_offer_withdrawn", grant, f"offer:{handover.pk}", [handover.offered_to.email], actor=str(actor)
    )


def offered(*, grant: Grant, handover: Handover) -> None:
    """Notify the person of the offer."""
    recipients = [handover.offered_to.email]
    _tell(
        "grant_offered",
        grant,
        f"offer:{handover.pk}",
        recipients,
        actor=handover.giver,
        reason=handover.note,
    )
