"""What becomes of a renewal or a change when its grant is revoked or ended: it is closed, and people are told."""

from collections.abc import Iterable

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.services import withdrawing
from portal.workflow.states import OPEN_STATES


def locked_open_requests(grant: Grant) -> list[ServiceRequest]:
    """The renewals and changes of `grant` that are under way, locked until the transaction ends.

    To be called before the grant is written: an approval writes the request first and the grant second, and
    two transactions that lock in opposite orders wait for one another for ever.
    """
    ids = grant.later_requests.values("service_request")
    under_way = ServiceRequest.objects.filter(pk__in=ids, state__in=OPEN_STATES).order_by("pk")
    return list(under_way.select_for_update(of=("self",)))


def close_requests(*, requests: Iterable[ServiceRequest], grant: Grant) -> None:
    """Close `requests`, which are about `grant`: it is revoked or ended, so there is nothing left to decide."""
    state = grant.get_state_display().lower()
    for service_request in requests:
        withdrawing.close_moot(
            service_request=service_request,
            comment=f"Closed, because {grant.reference} is {state}. Whoever needs it again files a new request.",
        )
