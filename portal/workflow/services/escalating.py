"""What happens when nobody acts: never an approval, always an escalation."""

import logging
from datetime import date

from django.db import transaction

from portal.workflow import notices
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.states import State

logger = logging.getLogger(__name__)


def escalate_overdue(*, today: date) -> int:
    """Remind the people of every stage whose day has passed, once for each stage; returns how many.

    A stage without a single person in its role is told to the institution's contact. The request itself
    stays where it is: time approves nothing.
    """
    overdue = ServiceRequest.objects.filter(state=State.IN_REVIEW, due_on__lt=today)
    count = 0
    for pk in overdue.values_list("pk", flat=True).iterator():
        try:
            count += _escalate(pk, today)
        except Exception:
            logger.exception("Escalating request %s failed; the others go on.", pk)
    return count


@transaction.atomic
def _escalate(pk: int, today: date) -> int:
    service_request = (
        ServiceRequest.objects.select_for_update(of=("self",))
        .filter(pk=pk, state=State.IN_REVIEW, due_on__lt=today)
        .first()
    )
    if service_request is None:
        return 0
    since = service_request.stage_entered_at
    told = service_request.events.filter(action="escalate", stage=service_request.stage, at__gte=since)
    if told.exists():
        return 0
    event = Event.objects.create(
        service_request=service_request,
        action="escalate",
        stage=service_request.stage,
        from_state=service_request.state,
        to_state=service_request.state,
    )
    notices.overdue(service_request=service_request, event=event)
    return 1
