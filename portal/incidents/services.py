"""Opening an incident suspends many permissions; closing it records the outcome."""

import logging
import time
from collections.abc import Callable, Collection

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.notices import people_of
from portal.grants.services.locking import locked_grant
from portal.grants.services.managing import change_state
from portal.grants.services.rechecking import leave_to_people
from portal.grants.states import OPEN_STATES, GrantAction, GrantState
from portal.grants.subjects import Subject, in_chunks
from portal.incidents import notices, selectors
from portal.incidents.forms import subject_of
from portal.incidents.models import About, Incident, IncidentGrant, Result
from portal.incidents.policies import check_may_handle
from portal.incidents.search import MOST_GRANTS, Matches, permissions_about
from portal.lib import dispatch
from portal.lib.problems import NotAllowed, Stale, WrongState

logger = logging.getLogger(__name__)
AT_ONCE_SECONDS = 8.0
"""How long the web request itself suspends permissions; a worker does the rest."""
SWEEP_SECONDS = 50.0


def open_incident(
    *,
    actor: User,
    about: About,
    subject: str,
    reason: str,
    seen: str,
    chosen: Collection[int] | None = None,
) -> Incident:
    """Suspend the permissions that `subject` concerns, with one reason; returns the incident.

    `seen` is the fingerprint of what the person saw before confirming (`Matches.fingerprint`); `chosen` are the ids that they selected, by default everything that allows it, without what only depends on that. Each permission is
    suspended in a transaction of its own, so that one that somebody changes at the same moment does not stop
    the others. A worker continues after AT_ONCE_SECONDS.

    Raises NotAllowed; ValidationError, keyed `reason`, `subject` or `grant`; WrongState where the same incident is
    open; Stale where the permissions are others than those that were seen.
    """
    check_may_handle(actor)
    if not reason.strip():
        raise ValidationError({"reason": "Say why. Everyone concerned reads it."})
    found = permissions_about(_subject(about, subject))
    if not found.direct and not found.dependent:
        raise ValidationError({"subject": "No permission in force or waiting allows this."})
    wanted = _wanted(found, seen, chosen)
    with transaction.atomic():
        incident = _create(actor, about, subject, reason)
        _add_rows(incident, found, wanted)
        notices.opened(incident=incident)
    carry_on(incident=incident, seconds=AT_ONCE_SECONDS)
    return incident


def extend_incident(
    *, incident: Incident, actor: User, seen: str, chosen: Collection[int] | None = None
) -> int:
    """Suspend the permissions that the subject of an open incident concerns now and that are not part of it;
    return how many.

    Raises NotAllowed; ValidationError, keyed `grant`; WrongState where it is closed; Stale as `open_incident`.
    """
    check_may_handle(actor)
    _check_is_open(Incident.objects.filter(pk=incident.pk))
    found = selectors.matches_since(incident)
    wanted = _wanted(found, seen, chosen)
    with transaction.atomic():
        _check_is_open(Incident.objects.select_for_update().filter(pk=incident.pk))
        try:
            with transaction.atomic():
                _add_rows(incident, found, wanted, added_by=actor)
        except IntegrityError:
            raise Stale("Somebody added permissions a moment ago. Look at the list again.") from None
    carry_on(incident=incident, seconds=AT_ONCE_SECONDS)
    return len(wanted)


def _check_is_open(incidents: QuerySet[Incident]) -> None:
    if not incidents.filter(closed_at__isnull=True).exists():
        raise WrongState("This incident is closed. Open a new one.")


def _subject(about: About, subject: str) -> Subject:
    try:
        return subject_of(about, subject)
    except ValueError as error:
        raise ValidationError({"subject": str(error)}) from None


def _wanted(found: Matches, seen: str, chosen: Collection[int] | None) -> list[int]:
    if len(found.everything) > MOST_GRANTS:
        raise ValidationError({"subject": f"This concerns more than {MOST_GRANTS:,} permissions. Narrow it."})
    if found.fingerprint != seen:
        raise Stale("The permissions have changed since you looked. Look at the list again.")
    wanted = list(found.direct) if chosen is None else [pk for pk in found.everything if pk in set(chosen)]
    if not wanted:
        raise ValidationError({"grant": "Choose at least one permission."})
    return wanted


def _create(actor: User, about: About, subject: str, reason: str) -> Incident:
    try:
        with transaction.atomic():
            return Incident.objects.create(
                about=about, subject=subject, reason=reason.strip(), opened_by=actor
            )
    except IntegrityError:
        raise WrongState(
            f"An incident about {subject} is open already. Close it first, or add to it on its page."
        ) from None


def _add_rows(
    incident: Incident, found: Matches, wanted: Collection[int], *, added_by: User | None = None
) -> None:
    for keys in in_chunks(wanted):
        IncidentGrant.objects.bulk_create(
            IncidentGrant(
                incident=incident,
                grant_id=pk,
                result=Result.WAITING,
                why=found.everything[pk],
                is_dependent=pk in found.dependent,
                added_by=added_by,
            )
            for pk in keys
        )


# ---------------------------------------------------------------- carrying it out
def carry_on(
    *, incident: Incident | None = None, seconds: float, clock: Callable[[], float] = time.monotonic
) -> int:
    """Suspend the waiting permissions of one incident or of all, for at most `seconds`; return how many are done.

    Safe to run at the same time as another: each row is taken once. One that fails is logged and stays waiting
    for the next run.
    """
    rows = IncidentGrant.objects.filter(result=Result.WAITING).order_by("pk")
    if incident is not None:
        rows = rows.filter(incident=incident)
    until, done = clock() + seconds, 0
    for pk in list(rows.values_list("pk", flat=True)):
        if clock() > until:
            dispatch.start(
                "portal.incidents.tasks.carry_on", otherwise="the sweep will go on with the incident"
            )
            break
        try:
            done += _suspend(pk)
        except Exception:
            logger.exception("Row %s of an incident could not be handled; the others go on.", pk)
    return done


@transaction.atomic
def _suspend(pk: int) -> bool:
    """Suspend one permission and record the result; False if another run handles it."""
    waiting = IncidentGrant.objects.filter(pk=pk, result=Result.WAITING)
    row = waiting.select_for_update(skip_locked=_skips_locked(), of=("self",)).first()
    if row is None:
        return False
    incident = Incident.objects.select_related("opened_by").get(pk=row.incident_id)
    row.result, row.sentence = Result.SUSPENDED, ""
    fresh = locked_grant(row.grant_id)
    if fresh.state == GrantState.SUSPENDED:
        row.result = Result.ALREADY
        leave_to_people(grant=fresh)
    elif fresh.state not in OPEN_STATES:
        row.result, row.sentence = Result.OVER, f"It is {fresh.get_state_display().lower()}."
    else:
        try:
            with transaction.atomic():
                change_state(
                    grant=fresh,
                    action=GrantAction.SUSPEND,
                    actor=row.added_by or incident.opened_by,
                    reason=_reason(incident),
                )
            row.told = people_of(fresh)
        except (NotAllowed, WrongState, Stale) as problem:
            row.result, row.sentence = Result.LEFT, str(problem)[:300]
    row.save(update_fields=["result", "sentence", "told"])
    return True


def _skips_locked() -> bool:
    return bool(transaction.get_connection().features.has_select_for_update_skip_locked)


def _reason(incident: Incident) -> str:
    return f"Incident {incident.pk}, about {incident.subject}: {incident.reason}"


@transaction.atomic
def close_incident(*, incident: Incident, actor: User, outcome: str) -> Incident:
    """Close an incident and record its outcome. Resumes nothing: that is decided for each permission.

    Raises NotAllowed; ValidationError, keyed `outcome`; WrongState where it is closed, or still suspends.
    """
    check_may_handle(actor)
    if not outcome.strip():
        raise ValidationError({"outcome": "Say what the outcome was."})
    held = Incident.objects.select_for_update().filter(pk=incident.pk)
    if held.filter(rows__result=Result.WAITING).exists():
        raise WrongState("Permissions of this incident are still being suspended. Close it in a minute.")
    changed = Incident.objects.filter(pk=incident.pk, closed_at__isnull=True).update(
        closed_at=timezone.now(), closed_by=actor, outcome=outcome.strip()
    )
    if changed != 1:
        raise WrongState("This incident was closed already.")
    incident.refresh_from_db()
    notices.closed(incident=incident)
    return incident
