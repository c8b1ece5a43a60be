"""Reminders of a missing proof: of permissions that wait for it, and of those in force that have not shown it (OVR-4).

Safe to run twice, late, or not at all: each grant is handled in its own transaction, which checks the condition again.
"""

from datetime import date

from django.db import transaction

from portal.grants.models import Grant
from portal.grants.notices import people_of
from portal.grants.services.locking import locked_grant
from portal.grants.services.scanning import guarded, ids_of
from portal.grants.states import GrantState
from portal.institution import institution
from portal.outbox.services import enqueue
from portal.samples.kinds import SampledKind
from portal.samples.models import ProofReminder, SignedSample
from portal.samples.probe import give_token
from portal.samples.schedule import proof_reminder_due
from portal.samples.selectors import awaiting_proof, newest_messages, overdue_proof, waiting_since


def send_proof_reminders(*, today: date) -> int:
    """Queue the reminder that is due for each grant whose proof is missing; returns how many were queued.

    A grant whose request is older than probe addresses gets its address here.
    """
    days = institution().proof_reminder_days
    if not days:
        return 0
    candidates = overdue_proof(today, days=min(days)).order_by("pk")
    return sum(guarded(_remind, pk, today) for pk in ids_of(candidates))


@transaction.atomic
def _remind(pk: int, today: date) -> bool:
    grant = locked_grant(pk)
    kind = grant.kind_entry
    if not isinstance(kind, SampledKind) or not awaiting_proof(today).filter(pk=pk).exists():
        return False
    since = waiting_since(grant)
    due_on = proof_reminder_due(
        since=since,
        today=today,
        days_after=institution().proof_reminder_days,
        done=grant.proof_reminders.values_list("due_on", flat=True),
    )
    if due_on is None:
        return False
    _, created = ProofReminder.objects.get_or_create(grant=grant, due_on=due_on)
    if created:
        give_token(service_request=grant.latest_request)
        _tell(grant, kind, due_on, since)
    return created


def _tell(grant: Grant, kind: SampledKind, due_on: date, since: date) -> None:
    newest: SignedSample | None = newest_messages([grant]).get(grant.pk)
    context = {
        "reference": grant.reference,
        "title": grant.title,
        "path": grant.get_absolute_url(),
        "is_waiting": grant.state == GrantState.UNPROVEN,
        "since": since,
        "instructions": kind.proof_instructions(grant),
        "trouble": newest.reason if newest is not None and newest.outcome != "pass" else "",
    }
    for recipient in people_of(grant):
        enqueue(
            recipient=recipient,
            template="proof_reminder",
            thread=grant.reference,
            unique_key=f"proof_reminder:{grant.pk}:{due_on}:{recipient}",
            context=context,
        )
