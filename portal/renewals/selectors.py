"""What the renewals' pages read."""

from portal.grants.models import Grant
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.states import OPEN_STATES, Action


def renewal_under_way(grant: Grant) -> ServiceRequest | None:
    """The renewal or change of `grant` that is not closed yet, if there is one."""
    open_ones = ServiceRequest.objects.filter(about_grant__grant=grant, state__in=OPEN_STATES)
    return open_ones.order_by("pk").first()


def approval_of(grant: Grant) -> Event | None:
    """The decision that the grant rests on now: by whom, and when."""
    approvals = Event.objects.filter(service_request=grant.latest_request_id, action=Action.APPROVE)
    return approvals.select_related("actor").order_by("-id").first()
