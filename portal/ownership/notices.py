"""Notices about permissions without an owner. Called by services, inside their transactions."""

from collections.abc import Iterable
from typing import Any

from portal.grants.models import Grant
from portal.outbox.services import enqueue
from portal.ownership.models import OwnerSearch


def _tell(template: str, search: OwnerSearch, key: str, recipients: Iterable[str], **context: Any) -> None:
    grant: Grant = search.grant
    facts = {
        "reference": grant.reference,
        "title": grant.title,
        "path": grant.get_absolute_url(),
        "sentence": grant.kind_entry.permission_sentence(grant),
        "ends_on": grant.ends_on,
        "owner": str(search.owner),
        **context,
    }
    for recipient in dict.fromkeys(recipients):
        enqueue(
            recipient=recipient,
            template=template,
            thread=grant.reference,
            unique_key=f"{template}:{search.pk}:{key}:{recipient}",
            context=facts,
        )


def asked(*, search: OwnerSearch, recipients: Iterable[str], path: str, is_head: bool) -> None:
    """Ask the mailbox, or the head of the department, to take over."""
    _tell("owner_wanted", search, search.stage, recipients, path=path, is_head=is_head)


def unclaimed(*, search: OwnerSearch, recipients: Iterable[str]) -> None:
    """Notify IT that nobody took over."""
    _tell("owner_missing", search, search.stage, recipients, path="/permissions/unowned/")


def returned(*, search: OwnerSearch, recipients: Iterable[str]) -> None:
    """Notify everybody who was asked that the owner is back."""
    _tell("owner_back", search, "back", recipients)
