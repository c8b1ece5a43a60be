"""The search for new owners. Safe to run twice, late, or not at all: the term of a grant runs on whatever comes of it.

Each grant is handled in a transaction of its own that tests again what selected it; one that fails is logged and
the others go on.
"""

from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from portal.accounts.presence import is_gone
from portal.grants.models import Grant, GrantEvent
from portal.grants.services.locking import locked_grant
from portal.grants.services.scanning import guarded, ids_of
from portal.institution import institution
from portal.leaving import claiming, notices
from portal.leaving.models import Chase, ChaseStep, Outcome
from portal.leaving.selectors import askable, orphaned_grants
from portal.leaving.stages import Stage, rank, stage_due

if TYPE_CHECKING:
    from portal.accounts.directory import ImportReport


def chase_owners(*, today: date) -> int:
    """Notice owners who are gone, ask whom today asks for, and end what is settled; returns how many changed."""
    changed = sum(guarded(_notice, pk, today) for pk in ids_of(orphaned_grants()))
    running = Chase.objects.filter(closed_at__isnull=True).order_by("pk")
    return changed + sum(guarded(_follow, pk, today) for pk in ids_of(running))


def after_import(report: "ImportReport") -> None:
    """Look for owners who are gone, or back, as soon as an import is committed."""
    transaction.on_commit(lambda: chase_owners(today=timezone.localdate()), robust=True)


def follow_change(event: GrantEvent) -> None:
    """End a search in the transaction in which its grant gets an owner, or is over."""
    chase = Chase.objects.filter(grant=event.grant_id, closed_at__isnull=True).first()
    if chase is None:
        return
    if event.grant.owner_id != chase.owner_id:
        _close(chase, Outcome.CLAIMED)
    elif not event.grant.is_open:
        _close(chase, Outcome.OVER)


# ---------------------------------------------------------------- one grant
@transaction.atomic
def _notice(pk: int, today: date) -> bool:
    grant = locked_grant(pk)
    if not grant.is_open or not is_gone(grant.owner):
        return False
    _, is_new = Chase.objects.get_or_create(
        grant=grant, closed_at=None, defaults={"owner": grant.owner, "noticed_on": today}
    )
    if is_new:
        _note(grant, "owner_gone", f"{grant.owner} is in the directory no more.")
    return is_new


@transaction.atomic
def _follow(pk: int, today: date) -> bool:
    grant = locked_grant(Chase.objects.values_list("grant", flat=True).get(pk=pk))
    chase = Chase.objects.select_for_update().get(pk=pk)
    if chase.closed_at is not None:
        return False
    chase.grant = grant
    if grant.owner_id != chase.owner_id or not grant.is_open:
        _close(chase, Outcome.CLAIMED if grant.is_open else Outcome.OVER)
        return True
    return _bring_back(chase) if not is_gone(grant.owner) else _move(chase, today)


def _bring_back(chase: Chase) -> bool:
    told = [address for step in chase.steps.all() for address in step.asked.split()]
    claiming.withdraw_own_offer(chase.grant)
    _close(chase, Outcome.RETURNED)
    _note(chase.grant, "owner_back", "")
    notices.returned(chase=chase, recipients=told)
    return True


def _move(chase: Chase, today: date) -> bool:
    here, behind = institution(), askable(chase.grant)
    stage = stage_due(
        askable=behind.stages,
        noticed_on=chase.noticed_on,
        today=today,
        step_days=here.ownerless_step_days,
        all_days=here.ownerless_days,
        declined=claiming.has_declined(chase),
    )
    if rank(stage) <= rank(chase.stage):
        return False
    addresses = behind.addresses(stage)
    chase.stage, chase.stage_on, chase.asked = stage, today, "\n".join(addresses)
    chase.save(update_fields=["stage", "stage_on", "asked"])
    ChaseStep.objects.create(chase=chase, stage=stage, on=today, asked=chase.asked)
    _note(chase.grant, "owner_asked", f"Asked {stage.label}: {', '.join(addresses)}")
    _ask(chase, stage, addresses)
    return True


def _ask(chase: Chase, stage: Stage, addresses: list[str]) -> None:
    if stage == Stage.CO_OWNER:
        assert chase.grant.co_owner is not None
        claiming.offer_to_co_owner(chase=chase, to=chase.grant.co_owner)
    elif stage == Stage.IT:
        notices.unclaimed(chase=chase, recipients=addresses)
    else:
        path = reverse("ownerless_claim", args=[claiming.claim_token(chase, stage)])
        notices.asked(chase=chase, recipients=addresses, path=path, is_head=stage == Stage.HEAD)


def _close(chase: Chase, outcome: Outcome) -> None:
    Chase.objects.filter(pk=chase.pk, closed_at__isnull=True).update(
        closed_at=timezone.now(), outcome=outcome
    )


def _note(grant: Grant, action: str, reason: str) -> None:
    GrantEvent.objects.create(
        grant=grant, action=action, from_state=grant.state, to_state=grant.state, reason=reason
    )
