"""The large lists that a campaign may be sent to, its deliveries there, and allowing one more delivery."""

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
    """One large list of a campaign, and the delivery of its current message that counts, if there is one."""

    address: str
    use: ListUse | None


def lists_sentence(addresses: list[str]) -> str:
    """Return one sentence about sending to these gated lists; "" for none."""
    if not addresses:
        return ""
    return (
        f"Mail to {sentence_list(addresses)}: the mail system passes on only the approved message, "
        f"once{' to each' if len(addresses) > 1 else ''}."
    )


def list_standings(permission: CampaignPermission) -> list[ListStanding]:
    """Return the gated lists that the campaign may be sent to; two queries."""
    people = [row.population for row in permission.audiences.all()]
    counting = permission.list_uses.filter(
        canonical_sha256=permission.canonical_sha256, released_at__isnull=True
    )
    uses = {use.list_address: use for use in counting}
    return [ListStanding(address, uses.get(address)) for address in institution().lists_of(people)]


def may_allow_again(permission: CampaignPermission, actor: "User") -> bool:
    """Whether `actor` may allow one more delivery: IT review and the CIO office, but not for their own campaigns."""
    return is_manager(permission.grant, actor)


@transaction.atomic
def allow_again(*, use: ListUse, actor: "User", reason: str) -> ListUse:
    """Release a delivery, so that the approved message may be sent to the list once more, and return it.

    This is for a message that was not delivered after all, because the client disconnected or the queue was lost.
    Raises NotAllowed; WrongState if it is already released; ValidationError keyed `reason`.
    """
    permission = use.permission
    if not may_allow_again(permission, actor):
        raise NotAllowed(
            "Only IT review and the CIO office allow one more delivery, and not for their own campaigns."
        )
    if not reason.strip():
        raise ValidationError({"reason": "Give a reason. The owner reads it."})
    columns = {"released_at": timezone.now(), "released_by": actor, "release_reason": reason.strip()}
    if ListUse.objects.filter(pk=use.pk, released_at__isnull=True).update(**columns) != 1:
        raise WrongState("One more delivery was already allowed.")
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
