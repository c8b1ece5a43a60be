"""Closing renewals and changes of a grant that is revoked or ended."""

from collections.abc import Iterable

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.services import withdrawing
from portal.workflow.states import OPEN_STATES


def locked_open_requests(grant: Grant) -> list[ServiceRequest]:
    """Return the open renewals and changes of `grant`, locked until the transaction ends. Call it before
    writing the grant: an approval writes the request first and the grant second, and locking in the opposite
    order would deadlock.
    """
    ids = grant.later_requests.values("service_request")
    under_way = ServiceRequest.objects.filter(pk__in=ids, state__in=OPEN_STATES).order_by("pk")
    return list(under_way.select_for_update(of=("self",)))


def close_requests(*, requests: Iterable[ServiceRequest], grant: Grant) -> None:
    """Close `requests` about `grant`, which is revoked or ended."""
    state = grant.get_state_display().lower()
    for service_request in requests:
        withdrawing.close_moot(
            service_request=service_request,
            comment=f"Closed, because {grant.reference} is {state}. Whoever needs it again files a new request.",
        )
