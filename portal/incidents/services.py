"""Opening an incident suspends many permissions at once; closing it says what came of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.notices import people_of
from portal.grants.services.locking import locked_grant
from portal.grants.services.managing import change_state
from portal.grants.states import OPEN_STATES, GrantAction, GrantState
from portal.incidents import notices
from portal.incidents.models import About, Incident, IncidentGrant, Result
from portal.incidents.policies import check_may_handle
from portal.incidents.selectors import MOST_GRANTS, grants_about
from portal.lib.problems import NotAllowed, Stale, WrongState

if TYPE_CHECKING:
    from portal.accounts.models import User


def open_incident(
    *, actor: "User", about: About, subject: str, reason: str, expected: Sequence[int]
) -> Incident:
    """Suspend every permission that `subject` names, with one reason; returns the incident.

    `expected` are the ids that the person saw before confirming. Each permission is suspended in a transaction of
    its own, so that one that somebody changed at the same moment keeps none of the others from being suspended.

    Raises NotAllowed; ValidationError, keyed `reason` or `subject`; WrongState where the same incident is open;
    Stale where the permissions are others than those that were seen.
    """
    check_may_handle(actor)
    if not reason.strip():
        raise ValidationError({"reason": "Say why. Everyone concerned reads it."})
    found = list(grants_about(about, subject)[: MOST_GRANTS + 1])
    if not found:
        raise ValidationError({"subject": "No permission in force or waiting names this."})
    if len(found) > MOST_GRANTS:
        raise ValidationError({"subject": f"This names more than {MOST_GRANTS:,} permissions. Narrow it."})
    if sorted(grant.pk for grant in found) != sorted(expected):
        raise Stale("The permissions have changed since you looked. Look at the list again.")
    incident = _create(actor, about, subject, reason)
    rows = [_suspend(incident, grant, actor) for grant in found]
    with transaction.atomic():
        notices.opened(incident=incident, rows=rows)
    return incident


def _create(actor: "User", about: About, subject: str, reason: str) -> Incident:
    try:
        with transaction.atomic():
            return Incident.objects.create(
                about=about, subject=subject, reason=reason.strip(), opened_by=actor
            )
    except IntegrityError:
        raise WrongState(
            f"An incident about {subject} is open already. Close it first, or add to it."
        ) from None


def _suspend(incident: Incident, grant: Grant, actor: "User") -> IncidentGrant:
    """Suspend one permission, and note what became of it."""
    result, sentence = Result.SUSPENDED, ""
    told: list[str] = []
    with transaction.atomic():
        fresh = locked_grant(grant.pk)
        if fresh.state == GrantState.SUSPENDED:
            result = Result.ALREADY
        elif fresh.state not in OPEN_STATES:
            result, sentence = Result.OVER, f"It is {fresh.get_state_display().lower()}."
        else:
            try:
                with transaction.atomic():
                    change_state(
                        grant=fresh, action=GrantAction.SUSPEND, actor=actor, reason=_reason(incident)
                    )
                told = people_of(fresh)
            except (NotAllowed, WrongState, Stale) as problem:
                result, sentence = Result.LEFT, str(problem)[:300]
        return IncidentGrant.objects.create(
            incident=incident, grant=grant, result=result, sentence=sentence, told=told
        )


def _reason(incident: Incident) -> str:
    return f"Incident {incident.pk}, about {incident.subject}: {incident.reason}"


@transaction.atomic
def close_incident(*, incident: Incident, actor: "User", outcome: str) -> Incident:
    """Say what came of it. Resumes nothing: that is decided for each permission.

    Raises NotAllowed; ValidationError, keyed `outcome`; WrongState where it is closed.
    """
    check_may_handle(actor)
    if not outcome.strip():
        raise ValidationError({"outcome": "Say what came of it."})
    changed = Incident.objects.filter(pk=incident.pk, closed_at__isnull=True).update(
        closed_at=timezone.now(), closed_by=actor, outcome=outcome.strip()
    )
    if changed != 1:
        raise WrongState("This incident was closed already.")
    incident.refresh_from_db()
    notices.closed(incident=incident)
    return incident
