"""Who is told what, when an owner is gone. Called by services, inside their transactions."""

from collections.abc import Iterable
from typing import Any

from portal.grants.models import Grant
from portal.leaving.models import Chase
from portal.outbox.services import enqueue


def _tell(template: str, chase: Chase, key: str, recipients: Iterable[str], **context: Any) -> None:
    grant: Grant = chase.grant
    facts = {
        "reference": grant.reference,
        "title": grant.title,
        "path": grant.get_absolute_url(),
        "sentence": grant.kind_entry.permission_sentence(grant),
        "ends_on": grant.ends_on,
        "owner": str(chase.owner),
        **context,
    }
    for recipient in dict.fromkeys(recipients):
        enqueue(
            recipient=recipient,
            template=template,
            thread=grant.reference,
            unique_key=f"{template}:{chase.pk}:{key}:{recipient}",
            context=facts,
        )


def asked(*, chase: Chase, recipients: Iterable[str], path: str, is_head: bool) -> None:
    """A mailbox, or the head of a department, is asked to find the next owner."""
    _tell("owner_wanted", chase, chase.stage, recipients, path=path, is_head=is_head)


def unclaimed(*, chase: Chase, recipients: Iterable[str]) -> None:
    """Nobody took it over: it is IT's now."""
    _tell("owner_missing", chase, chase.stage, recipients, path="/ownerless/")


def returned(*, chase: Chase, recipients: Iterable[str]) -> None:
    """The owner is back; nobody need do anything."""
    _tell("owner_back", chase, "back", recipients)
