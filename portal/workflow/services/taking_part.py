"""Who has a part in a request: kept as rows that are never removed, accepted by the people themselves."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import NotAllowed, WrongState
from portal.workflow.models import Event, Part, Participation, ServiceRequest
from portal.workflow.owner_rule import is_known
from portal.workflow.policies import NAMED, forget_parts, may_accept_part
from portal.workflow.services import searching
from portal.workflow.services.transition import change_people
from portal.workflow.states import LIVE_STATES

_ACCEPTED_BY_ACTING = (Part.REQUESTER, Part.EDITOR)


def note_part(*, service_request: ServiceRequest, person: User, part: Part) -> None:
    """Keep that `person` has `part` in the request; the first time counts. Who edits it has accepted their part."""
    Participation.objects.bulk_create(
        [Participation(service_request=service_request, person=person, part=part)], ignore_conflicts=True
    )
    if part in _ACCEPTED_BY_ACTING:
        accept_for(service_request=service_request, people=[person.pk])
    forget_parts(service_request)


def note_people(*, service_request: ServiceRequest) -> None:
    """Keep the parts of those whom the request names now: four eyes count from the moment somebody is named."""
    named = (
        (Part.REQUESTER, service_request.requester_id),
        (Part.CO_OWNER, service_request.co_owner_id),
        (Part.SPONSOR, service_request.sponsor_id),
    )
    Participation.objects.bulk_create(
        (
            Participation(service_request=service_request, person_id=pk, part=part)
            for part, pk in named
            if pk is not None
        ),
        ignore_conflicts=True,
    )
    forget_parts(service_request)


def copy_parts(*, source: ServiceRequest, target: ServiceRequest) -> None:
    """Keep that the people of `source`, whose answers `target` renews or changes, are no strangers to `target`.

    They become holders of what it is about; who accepted to be co-owner or sponsor before need not accept again.
    """
    rows = list(source.participations.exclude(part__in=(Part.DECIDER, Part.HOLDER)))
    people = {row.person_id for row in rows}
    Participation.objects.bulk_create(
        (Participation(service_request=target, person_id=pk, part=Part.HOLDER) for pk in sorted(people)),
        ignore_conflicts=True,
    )
    agreed = {row.person_id for row in rows if row.accepted_at or row.part in _ACCEPTED_BY_ACTING}
    accept_for(service_request=target, people=agreed)


def accept_for(*, service_request: ServiceRequest, people: Iterable[int]) -> None:
    """Keep that `people` (ids) accepted to be the co-owner or sponsor that they are named as."""
    waiting = Participation.objects.filter(service_request=service_request, accepted_at__isnull=True)
    waiting.filter(part__in=NAMED, person__in=list(people)).update(accepted_at=timezone.now())
    forget_parts(service_request)


@transaction.atomic
def accept(*, service_request: ServiceRequest, actor: User) -> None:
    """Accept to be the co-owner or sponsor that one was named as; email of the request comes from now on.

    Raises NotAllowed where the actor is not named, or WrongState where it was accepted before.
    """
    if actor.pk not in (service_request.co_owner_id, service_request.sponsor_id):
        raise NotAllowed("Only who is named as co-owner or sponsor accepts that.")
    if not may_accept_part(service_request, actor):
        raise WrongState("You accepted this before.")
    accept_for(service_request=service_request, people=[actor.pk])
    _note(service_request, actor, "accept_part")


def take_over(*, service_request: ServiceRequest, actor: User, revision: int) -> Event:
    """Make the co-owner the requester, where the directory has the requester no more. Asks the directory.

    Raises NotAllowed, WrongState, or Stale.
    """
    if actor.pk != service_request.co_owner_id or not actor.is_active:
        raise NotAllowed("Only the co-owner takes a request over.")
    if service_request.state not in LIVE_STATES:
        raise WrongState(f"Request {service_request.reference} is not under way.")
    if is_known(service_request.requester) is not False:
        raise WrongState("The directory still has the requester, or does not answer. Try again later.")
    with transaction.atomic():
        change_people(service_request=service_request, revision=revision, requester=actor, co_owner=None)
        note_people(service_request=service_request)
        note_part(service_request=service_request, person=actor, part=Part.EDITOR)
        searching.index(service_request)
        return _note(service_request, actor, "take_over")


def _note(service_request: ServiceRequest, actor: User, action: str) -> Event:
    return Event.objects.create(
        service_request=service_request,
        actor=actor,
        action=action,
        stage=service_request.stage,
        from_state=service_request.state,
        to_state=service_request.state,
    )
