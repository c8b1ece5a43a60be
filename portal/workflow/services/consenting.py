"""AddressConsent to the use of an address that is not the requester's to lend (REL-3, OVR-5): asked for, and answered."""

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.services import enqueue
from portal.workflow.models import AddressConsent, Event, ServiceRequest
from portal.workflow.states import OPEN_STATES

_ANSWERS = ("asked_of", "consent_asked_at", "consent_given_at", "consent_refused_at")
NOBODY_ASKED = {name: "" if name == "asked_of" else None for name in _ANSWERS}
"""The columns of a row whose address is another one than before."""


@transaction.atomic
def ask(
    *, service_request: ServiceRequest, rows: Iterable[AddressConsent], needed: Mapping[str, str], actor: User
) -> int:
    """Ask for the addresses that are not the requester's to lend; returns how many people were asked.

    `needed` names, by address, the person to ask. Each is asked once; where the person has changed since, the answer
    of the former one counts no longer. What the actor may lend, the actor has lent by submitting.
    """
    count = 0
    for row in rows:
        if row.asked_address not in needed:
            continue
        asked_of, now = needed[row.asked_address], timezone.now()
        if row.asked_of != asked_of:
            row.asked_of = asked_of
            row.consent_asked_at = row.consent_given_at = row.consent_refused_at = None
        if asked_of == actor.email:
            row.consent_given_at = row.consent_given_at or now
            row.consent_refused_at = None
        elif row.consent_asked_at is None and row.consent_given_at is None:
            row.consent_asked_at = now
            _tell_of(service_request, row, actor)
            count += 1
        row.save(update_fields=list(_ANSWERS))
    return count


def _tell_of(service_request: ServiceRequest, row: AddressConsent, actor: User) -> None:
    enqueue(
        recipient=row.asked_of,
        template="sender_consent",
        thread=service_request.reference,
        unique_key=f"sender_consent:{service_request.kind}:{row.pk}:{row.asked_address}:{row.asked_of}",
        context={
            "reference": service_request.reference,
            "title": service_request.title,
            "address": row.asked_address,
            "is_own": row.asked_address == row.asked_of,
            "actor": str(actor),
            "comment": service_request.purpose,
            "path": row.consent_path,
        },
    )


@transaction.atomic
def answer(*, row: AddressConsent, actor: User, agree: bool) -> None:
    """Record the answer of the person who was asked. Raises NotAllowed or WrongState."""
    if actor.email != row.asked_of:
        raise NotAllowed("Only the person whose address it is, or who owns the mailbox, can answer this.")
    service_request = row.asked_for
    if service_request.state not in OPEN_STATES:
        raise WrongState(f"{service_request.reference} is decided already.")
    row.consent_given_at = timezone.now() if agree else None
    row.consent_refused_at = None if agree else timezone.now()
    row.save(update_fields=["consent_given_at", "consent_refused_at"])
    Event.objects.create(
        service_request=service_request,
        actor=actor,
        action="consent",
        comment=f"{row.asked_address}: {'agreed' if agree else 'refused'}",
        from_state=service_request.state,
        to_state=service_request.state,
        stage=service_request.stage,
    )


def answers_of(rows: Iterable[AddressConsent]) -> dict[str, dict[str, object]]:
    """What was agreed to, by address, as columns for the rows of a renewal."""
    return {
        row.asked_address: {"asked_of": row.asked_of, "consent_given_at": row.consent_given_at}
        for row in rows
    }
