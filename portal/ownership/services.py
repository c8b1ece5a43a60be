"""The search for new owners. Safe to run twice, late, or not at all: the term of a grant does not depend on it.

Each grant is handled in its own transaction, which checks its condition again; a failure is logged and does not
stop the others.
"""

from datetime import date

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from portal.accounts.announcements import ImportReport
from portal.accounts.presence import is_gone
from portal.grants.models import Grant, GrantEvent
from portal.grants.services.locking import locked_grant
from portal.grants.services.scanning import guarded, ids_of
from portal.institution import institution
from portal.lib.trusted_day import trusted_day
from portal.ownership import claiming, notices
from portal.ownership.models import OwnerSearch, OwnerSearchStep, SearchOutcome
from portal.ownership.selectors import candidates, unowned_grants
from portal.ownership.stages import SearchStage, rank, stage_due


def reassign_unowned(*, today: date) -> int:
    """Start searches for unowned grants, contact the people due on `today`, and close finished searches; return
    how many changed.
    """
    changed = sum(guarded(_notice, pk, today) for pk in ids_of(unowned_grants()))
    running = OwnerSearch.objects.filter(closed_at__isnull=True).order_by("pk")
    return changed + sum(guarded(_follow, pk, today) for pk in ids_of(running))


def after_import(report: ImportReport) -> None:
    """Update searches as soon as an import is committed."""
    transaction.on_commit(lambda: reassign_unowned(today=trusted_day()), robust=True)


def follow_change(event: GrantEvent) -> None:
    """Close a search in the transaction in which its grant gets an owner, or ends."""
    search = OwnerSearch.objects.filter(grant=event.grant_id, closed_at__isnull=True).first()
    if search is None:
        return
    if event.grant.owner_id != search.owner_id:
        _close(search, SearchOutcome.CLAIMED)
    elif not event.grant.is_open:
        _close(search, SearchOutcome.OVER)


# ---------------------------------------------------------------- one grant
@transaction.atomic
def _notice(pk: int, today: date) -> bool:
    grant = locked_grant(pk)
    if not grant.is_open or not is_gone(grant.owner):
        return False
    _, is_new = OwnerSearch.objects.get_or_create(
        grant=grant, closed_at=None, defaults={"owner": grant.owner, "noticed_on": today}
    )
    if is_new:
        _note(grant, "owner_gone", f"{grant.owner} is no longer in the directory.")
    return is_new


@transaction.atomic
def _follow(pk: int, today: date) -> bool:
    grant = locked_grant(OwnerSearch.objects.values_list("grant", flat=True).get(pk=pk))
    search = OwnerSearch.objects.select_for_update().get(pk=pk)
    if search.closed_at is not None:
        return False
    search.grant = grant
    if grant.owner_id != search.owner_id or not grant.is_open:
        _close(search, SearchOutcome.CLAIMED if grant.is_open else SearchOutcome.OVER)
        return True
    return _bring_back(search) if not is_gone(grant.owner) else _move(search, today)


def _bring_back(search: OwnerSearch) -> bool:
    told = [address for step in search.steps.all() for address in step.asked.split()]
    claiming.withdraw_own_offer(search.grant)
    _close(search, SearchOutcome.RETURNED)
    _note(search.grant, "owner_back", "")
    notices.returned(search=search, recipients=told)
    return True


def _move(search: OwnerSearch, today: date) -> bool:
    here, behind = institution(), candidates(search.grant)
    stage = stage_due(
        candidates=behind.stages,
        noticed_on=search.noticed_on,
        today=today,
        step_days=here.ownerless_step_days,
        all_days=here.ownerless_days,
        declined=claiming.has_declined(search),
    )
    if rank(stage) <= rank(search.stage):
        return False
    addresses = behind.addresses(stage)
    search.stage, search.stage_on, search.asked = stage, today, "\n".join(addresses)
    search.save(update_fields=["stage", "stage_on", "asked"])
    OwnerSearchStep.objects.create(search=search, stage=stage, on=today, asked=search.asked)
    _note(search.grant, "owner_asked", f"Asked {stage.label}: {', '.join(addresses)}")
    _ask(search, stage, addresses)
    return True


def _ask(search: OwnerSearch, stage: SearchStage, addresses: list[str]) -> None:
    if stage == SearchStage.CO_OWNER:
        assert search.grant.co_owner is not None
        claiming.offer_to_co_owner(search=search, to=search.grant.co_owner)
    elif stage == SearchStage.IT:
        notices.unclaimed(search=search, recipients=addresses)
    else:
        path = reverse("unowned_claim", args=[claiming.claim_token(search, stage)])
        notices.asked(search=search, recipients=addresses, path=path, is_head=stage == SearchStage.HEAD)


def _close(search: OwnerSearch, outcome: SearchOutcome) -> None:
    OwnerSearch.objects.filter(pk=search.pk, closed_at__isnull=True).update(
        closed_at=timezone.now(), outcome=outcome
    )


def _note(grant: Grant, action: str, reason: str) -> None:
    GrantEvent.objects.create(
        grant=grant, action=action, from_state=grant.state, to_state=grant.state, reason=reason
    )
