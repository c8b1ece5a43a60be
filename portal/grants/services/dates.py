"""The daily work on grants: reminders and lapses. Safe to run twice, late, or not at all.

Each function collects ids, then handles each in its own transaction, which checks the condition again; a
failure is logged and does not stop the others.
"""

from datetime import date, timedelta

from django.db import transaction

from portal.grants import notices
from portal.grants.models import Grant, Reminder
from portal.grants.schedule import reminder_due
from portal.grants.services.locking import locked_grant
from portal.grants.services.scanning import guarded, ids_of
from portal.grants.services.transition import change_grant
from portal.grants.states import GrantState
from portal.institution import institution
from portal.workflow.states import OPEN_STATES


def send_reminders(*, today: date) -> int:
    """Queue the reminder that is due for each grant, once; returns how many were queued."""
    days = institution().reminder_days
    horizon = today + timedelta(days=max(days, default=0))
    candidates = Grant.objects.filter(
        state=GrantState.ACTIVE, held_open_by__isnull=True, ends_on__range=(today, horizon)
    ).order_by("pk")
    return sum(guarded(_remind, pk, today) for pk in ids_of(candidates))


def lapse_grants(*, today: date) -> int:
    """Mark grants whose last day has passed as lapsed, unless an open renewal extends them; return how many.
    They are already out of force: this writes the state, the event and the notice.
    """
    past = Grant.objects.filter(
        state__in=(GrantState.ACTIVE, GrantState.UNPROVEN, GrantState.SUSPENDED),
        held_open_by__isnull=True,
        ends_on__lt=today,
    ).order_by("pk")
    return sum(guarded(_lapse, pk, today) for pk in ids_of(past))


@transaction.atomic
def _remind(pk: int, today: date) -> bool:
    grant = locked_grant(pk)
    if grant.state != GrantState.ACTIVE or grant.held_open_by_id or _renewal_begun(grant):
        return False
    if not grant.kind_entry.renewable:
        return False
    due = reminder_due(
        starts_on=grant.starts_on,
        ends_on=grant.ends_on,
        today=today,
        days_before=institution().reminder_days,
        done=grant.reminders.values_list("due_on", flat=True),
    )
    if due is None:
        return False
    due_on, _ = due
    left = (grant.ends_on - today).days
    _, created = Reminder.objects.get_or_create(grant=grant, due_on=due_on, defaults={"days_left": left})
    if created:
        notices.reminder(grant=grant, due_on=due_on, days_left=left)
    return created


def _renewal_begun(grant: Grant) -> bool:
    # A submitted renewal stops the reminders; a draft does not.
    submitted = [state for state in OPEN_STATES if state != "draft"]
    return grant.later_requests.filter(service_request__state__in=submitted).exists()


@transaction.atomic
def _lapse(pk: int, today: date) -> bool:
    grant = locked_grant(pk)
    if not grant.is_open or grant.held_open_by_id or grant.ends_on >= today:
        return False
    if not grant.kind_entry.renewable:
        event = change_grant(grant=grant, action="close", actor=None, state=GrantState.ENDED)
        notices.changed(grant=grant, event=event)
        return True
    event = change_grant(grant=grant, action="lapse", actor=None, state=GrantState.LAPSED)
    notices.lapsed(grant=grant, event=event)
    return True
