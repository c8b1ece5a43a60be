"""Who may add samples to a request, and have them checked again."""

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.policies import is_holder, is_manager
from portal.grants.selectors import grant_of
from portal.lib.problems import NotAllowed, WrongState
from portal.samples.kinds import sampled_kind
from portal.samples.selectors import takes_samples
from portal.workflow.models import ServiceRequest
from portal.workflow.policies import is_decider, is_requester


def may_add_samples(service_request: ServiceRequest, grant: Grant | None, actor: User) -> bool:
    """Whether the actor is the requester, the co-owner, a holder of the grant, or a decider."""
    if is_requester(service_request, actor) or is_decider(service_request, actor):
        return True
    return grant is not None and (is_holder(grant, actor) or is_manager(grant, actor))


def check_may_add(service_request: ServiceRequest, actor: User) -> None:
    """Raise NotAllowed or WrongState unless `actor` may add samples now."""
    if not may_add_samples(service_request, grant_of(service_request), actor):
        raise NotAllowed(
            "Samples are added by the requester, the co-owner and the people who judge the request."
        )
    kind = sampled_kind(service_request.kind)
    if kind is not None and not kind.takes_uploads:
        raise WrongState("Messages are not uploaded here. Let the system send one to the probe address.")
    if not takes_samples(service_request):
        raise WrongState(f"{service_request.reference} is over; its samples stay as they are.")
