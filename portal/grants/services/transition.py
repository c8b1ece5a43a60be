"""How a grant changes: a conditional UPDATE and an event, which is announced."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from portal.accounts.models import User
from portal.grants import announcements
from portal.grants.models import Grant, GrantEvent
from portal.lib.problems import Stale
from portal.workflow.models import Part
from portal.workflow.services.taking_part import note_part
from portal.workflow.states import OPEN_STATES


def change_grant(
    *,
    grant: Grant,
    action: str,
    actor: User | None,
    reason: str = "",
    revision: int | None = None,
    **columns: Any,
) -> GrantEvent:
    """Write `columns` if the grant is unchanged since it was read, append the event and return it. Raises Stale
    if somebody else was first. Must run inside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("change_grant needs a transaction around it.")
    before, seen = grant.state, grant.revision if revision is None else revision
    if "state" in columns and columns["state"] != before:
        columns |= {"state_changed_at": timezone.now(), "state_reason": reason.strip()}
    columns["revision"] = seen + 1
    rows = Grant.objects.filter(pk=grant.pk, state=before, revision=seen).update(**columns)
    if rows != 1:
        raise Stale(f"Somebody changed {grant.reference} since you opened this page. Read it again.")
    for name, value in columns.items():
        setattr(grant, name, value)
    if {"owner", "co_owner"} & set(columns):
        note_holders(grant, columns.get("owner"), columns.get("co_owner"))
    _record_history(grant, actor)
    event = GrantEvent.objects.create(
        grant=grant,
        actor=actor,
        action=action,
        from_state=before,
        to_state=grant.state,
        reason=reason.strip(),
    )
    announcements.grant_changed.tell(event)
    return event


def note_holders(grant: Grant, *people: User | None) -> None:
    """Record that `people` hold, or are offered, the permission: they may not decide an open request about it
    (four eyes).
    """
    for about in grant.later_requests.filter(service_request__state__in=OPEN_STATES).select_related(
        "service_request"
    ):
        for person in people:
            if person is not None:
                note_part(service_request=about.service_request, person=person, part=Part.HOLDER)


def _record_history(grant: Grant, actor: User | None) -> None:
    # A conditional UPDATE bypasses save(), so the auditors' row is written here by name.
    bulk_update_with_history([grant], Grant, ["revision"], default_user=actor)
