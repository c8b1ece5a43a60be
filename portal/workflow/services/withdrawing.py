"""Closing a request that nothing is left to decide of. The requester's own withdrawal is in `requesting`."""

from django.db import transaction

from portal.workflow import notices
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.services.transition import close_without_actor


@transaction.atomic
def close_moot(*, service_request: ServiceRequest, comment: str) -> Event:
    """Close an open request because what it is about is gone; `comment` says so to its people.

    Raises WrongState where it is closed already, or Stale.
    """
    event = close_without_actor(service_request=service_request, comment=comment)
    service_request.kind_entry.on_closed(service_request=service_request, actor=None)
    notices.closed_moot(service_request=service_request, event=event)
    return event
