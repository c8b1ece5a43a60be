"""How a grant whose owner left gets a new one: by a link to its mailbox or head of department, or by IT's offer.

A link only shows the permission. Taking over needs a POST by a signed-in person to whom the link was sent: one
who reads the functional mailbox of the grant, or the head of its department.
"""

from datetime import timedelta

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.accounts.models import DirectoryAddress, User
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

_SALT = "portal.leaving.claim"  # the old name of this app: links that were sent stay valid
SETTLED = "This is no longer needed: the permission has an owner, or has ended."


def claim_token(search: OwnerSearch, stage: SearchStage) -> str:
    """Return the token of the link to a mailbox or a head of department; it is not accepted once the search is over."""
    return signing.dumps([search.pk, str(stage)], salt=_SALT)


def read_token(token: str) -> tuple[int, SearchStage] | None:
    """Return the search and the stage of a link; None if the signature is invalid. Raises WrongState if it expired."""
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


def may_claim(search: OwnerSearch, actor: User, stage: SearchStage) -> bool:
    """Whether the link of `stage` is for `actor`: the head it was sent to, or a person of the department of the
    permission or of its mailbox, by the directory.

    If neither has a department on record, any person of the directory may.
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


def check_may_claim(search: OwnerSearch, actor: User, stage: SearchStage) -> None:
    """Raise NotAllowed unless the link is for `actor`, who then may also see the permission."""
    if actor.pk == search.owner_id or not may_claim(search, actor, stage):
        raise NotAllowed(
            "This link is for people who the directory lists in the department of the permission. "
            f"If that is you, write to {institution().contact_email}."
        )


@transaction.atomic
def claim(*, search: OwnerSearch, actor: User, stage: SearchStage) -> Grant:
    """Make `actor`, who opened the link of `stage`, the owner. Raises NotAllowed or WrongState."""
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
def offer(*, search: OwnerSearch, actor: User, to: User, note: str = "") -> Handover:
    """Offer the grant to a person on behalf of IT, in place of any earlier offer. Raises NotAllowed, WrongState, or
    ValidationError, keyed `to`.
    """
    grant = locked_grant(search.grant_id)
    if not may_offer(grant, actor):
        raise NotAllowed(
            "Only reviewers and the CIO office who have no part in this permission may offer it."
        )
    if not OwnerSearch.objects.running().filter(pk=search.pk).exists():
        raise WrongState(SETTLED)
    if to.pk == grant.owner_id or is_gone(to):
        raise ValidationError({"to": "Name another person: this one is no longer in the directory."})
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


def may_offer(grant: Grant, actor: User) -> bool:
    """Whether `actor` may offer the grant to a new owner: those who may suspend it."""
    return actor.has_role(*MANAGERS) and not is_holder(grant, actor)


def offer_to_co_owner(*, search: OwnerSearch, to: User) -> None:
    """Offer the grant to the co-owner on behalf of the portal, unless there is an open offer."""
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
    """Withdraw the portal's own offer."""
    _close(grant.handovers.filter(offered_by__isnull=True))


def _withdraw_offer(grant: Grant) -> None:
    _close(grant.handovers.all())


def _close(offers: QuerySet[Handover]) -> None:
    # Neither accepted nor declined: nobody answered it.
    offers.filter(closed_at__isnull=True).update(closed_at=timezone.now(), accepted=None)
