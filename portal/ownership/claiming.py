"""How a grant whose owner is gone gets a new one: by the link to its mailbox or its head, or by IT's offer.

A link only shows. Taking over takes a signed-in POST by somebody who was sent the link: whoever reads the mailbox
that the grant itself names, or heads its department.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.accounts.presence import is_gone
from portal.grants import notices as grant_notices
from portal.grants.models import Grant, GrantEvent, Handover
from portal.grants.policies import MANAGERS, is_holder
from portal.grants.services.locking import locked_grant
from portal.grants.services.transition import change_grant, note_holders
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.ownership.models import OwnerSearch
from portal.ownership.stages import SearchStage

if TYPE_CHECKING:
    from portal.accounts.models import User

_SALT = "portal.leaving.claim"  # the old name of this app: links that were sent stay valid
SETTLED = "This is settled already: the permission has an owner, or is over."


def claim_token(search: OwnerSearch, stage: SearchStage) -> str:
    """What the link to a mailbox or a head carries; it is worth nothing once the search is over."""
    return signing.dumps([search.pk, str(stage)], salt=_SALT)


def read_token(token: str) -> tuple[int, SearchStage] | None:
    """The search and the stage that a link is of; None for one that is not ours. Raises WrongState for an old one."""
    days = institution().ownerless_link_days
    try:
        pk, stage = signing.loads(token, salt=_SALT, max_age=timedelta(days=days))
    except signing.SignatureExpired:
        raise WrongState(
            f"This link is older than {days} days. Write to {institution().contact_email}: IT can offer you the permission."
        ) from None
    except signing.BadSignature:
        return None
    return int(pk), SearchStage(stage)


def may_claim(search: OwnerSearch, actor: "User", stage: SearchStage) -> bool:
    """Whether `actor` is somebody for whom the link of `stage` was made: the head it was sent to, or a person whom the
    directory has in the department of the permission or of its mailbox.

    Where neither has a department on record, any person of the directory may: the mailbox is all that is known.
    """
    row = DirectoryAddress.objects.filter(address=actor.email, gone_at__isnull=True).first()
    if row is None or not actor.is_active:
        return False
    step = search.steps.filter(stage=stage).first()
    if step is not None and actor.email in step.asked.split():
        return True
    wanted = {search.grant.department}
    if stage == SearchStage.MAILBOX:
        mailbox = DirectoryAddress.objects.filter(address=search.grant.functional_mailbox).first()
        wanted.add(mailbox.department if mailbox else "")
    named = {name.strip().casefold() for name in wanted if name.strip()}
    return not named or (row.department or actor.department).strip().casefold() in named


def check_may_claim(search: OwnerSearch, actor: "User", stage: SearchStage) -> None:
    """Raise NotAllowed unless the link is for `actor`, who then also may see what the permission allows."""
    if actor.pk == search.owner_id or not may_claim(search, actor, stage):
        raise NotAllowed(
            "This link is for people of the department that the permission belongs to, as the directory has them. "
            f"If that is you, write to {institution().contact_email}."
        )


@transaction.atomic
def claim(*, search: OwnerSearch, actor: "User", stage: SearchStage) -> Grant:
    """Make `actor`, who holds the link of `stage`, the owner. Raises NotAllowed or WrongState."""
    grant = locked_grant(search.grant_id)
    if not OwnerSearch.objects.running().filter(pk=search.pk).exists():
        raise WrongState(SETTLED)
    check_may_claim(search, actor, stage)
    _withdraw_offer(grant)
    event = change_grant(
        grant=grant,
        action="accept",
        actor=actor,
        reason=f"Asked through {stage.label}.",
        owner=actor,
        co_owner=None if grant.co_owner_id == actor.pk else grant.co_owner,
    )
    grant_notices.changed(grant=grant, event=event)
    return grant


@transaction.atomic
def offer(*, search: OwnerSearch, actor: "User", to: "User", note: str = "") -> Handover:
    """IT offers the grant to a person, in place of any offer before. Raises NotAllowed, WrongState, or
    ValidationError, keyed `to`.
    """
    grant = locked_grant(search.grant_id)
    if not may_offer(grant, actor):
        raise NotAllowed("Offering it is for reviewers and the CIO office, who have no part in it.")
    if not OwnerSearch.objects.running().filter(pk=search.pk).exists():
        raise WrongState(SETTLED)
    if to.pk == grant.owner_id or is_gone(to):
        raise ValidationError({"to": "Name somebody who is here: the directory has this person no more."})
    _withdraw_offer(grant)
    made = Handover.objects.create(grant=grant, offered_by=actor, offered_to=to, note=note.strip())
    GrantEvent.objects.create(
        grant=grant,
        actor=actor,
        action="hand_over",
        from_state=grant.state,
        to_state=grant.state,
        reason=f"Offered to {to}",
    )
    note_holders(grant, to)
    grant_notices.offered(grant=grant, handover=made)
    return made


def may_offer(grant: Grant, actor: "User") -> bool:
    """Whether `actor` may find the grant a new owner: those who may suspend it."""
    return actor.has_role(*MANAGERS) and not is_holder(grant, actor)


def offer_to_co_owner(*, search: OwnerSearch, to: "User") -> None:
    """The portal's own offer; none where somebody was offered it before."""
    grant = search.grant
    if Handover.objects.filter(grant=grant, closed_at__isnull=True).exists():
        return
    made = Handover.objects.create(grant=grant, offered_to=to, note=f"{search.owner} has left.")
    note_holders(grant, to)
    grant_notices.offered(grant=grant, handover=made)


def has_declined(search: OwnerSearch) -> bool:
    """Whether the co-owner was asked since the search began, and declined."""
    answers = Handover.objects.filter(
        grant=search.grant, accepted=False, closed_at__date__gte=search.noticed_on
    )
    return answers.filter(offered_to=search.grant.co_owner_id).exists()


def withdraw_own_offer(grant: Grant) -> None:
    """Take the portal's own offer back."""
    _close(grant.handovers.filter(offered_by__isnull=True))


def _withdraw_offer(grant: Grant) -> None:
    _close(grant.handovers.all())


def _close(offers: "QuerySet[Handover]") -> None:
    # Neither accepted nor declined: nobody answered it.
    offers.filter(closed_at__isnull=True).update(closed_at=timezone.now(), accepted=None)


if TYPE_CHECKING:
    from django.db.models import QuerySet
