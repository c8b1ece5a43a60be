"""The large lists that a campaign may go to, its deliveries there, and letting one count no more."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from campaigns import notices
from campaigns.models import CampaignPermission, ListUse
from portal.grants.models import GrantEvent
from portal.grants.policies import is_manager
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.text import sentence_list

if TYPE_CHECKING:
    from portal.accounts.models import User

LONGEST_REASON = 1500


@dataclass(frozen=True)
class ListStanding:
    """One large list of a campaign: the delivery of its present message that counts, if there is one."""

    address: str
    use: ListUse | None


def lists_sentence(addresses: list[str]) -> str:
    """What a campaign to these gated lists should know; "" for none."""
    if not addresses:
        return ""
    return (
        f"Mail to {sentence_list(addresses)}: the mail system lets exactly the approved message through, "
        f"once{' to each' if len(addresses) > 1 else ''}."
    )


def list_standings(permission: CampaignPermission) -> list[ListStanding]:
    """The gated lists that the campaign may go to; one query, and one for its audiences."""
    people = [row.population for row in permission.audiences.all()]
    counting = permission.list_uses.filter(
        canonical_sha256=permission.canonical_sha256, released_at__isnull=True
    )
    uses = {use.list_address: use for use in counting}
    return [ListStanding(address, uses.get(address)) for address in institution().lists_of(people)]


def may_allow_again(permission: CampaignPermission, actor: "User") -> bool:
    """IT review and the CIO office, and nobody for a campaign of their own."""
    return is_manager(permission.grant, actor)


@transaction.atomic
def allow_again(*, use: ListUse, actor: "User", reason: str) -> ListUse:
    """Let a delivery count no more, so that the approved message may go to the list once more.

    For a message that the mail server did not take after all: the client vanished, the queue was lost.
    Raises NotAllowed; WrongState where it was done already; ValidationError, keyed `reason`.
    """
    permission = use.permission
    if not may_allow_again(permission, actor):
        raise NotAllowed(
            "IT review and the CIO office allow one more delivery, and nobody of a campaign of their own."
        )
    if not reason.strip():
        raise ValidationError({"reason": "Say why. The owner reads it."})
    columns = {"released_at": timezone.now(), "released_by": actor, "release_reason": reason.strip()}
    if ListUse.objects.filter(pk=use.pk, released_at__isnull=True).update(**columns) != 1:
        raise WrongState("Somebody has allowed one more delivery already.")
    for name, value in columns.items():
        setattr(use, name, value)
    grant = permission.grant
    GrantEvent.objects.create(
        grant=grant,
        actor=actor,
        action="list_again",
        from_state=grant.state,
        to_state=grant.state,
        reason=f"{use.list_address}: {reason.strip()}",
    )
    notices.allowed_again(use=use)
    return use
