"""Services of sender requests, and small queries that their forms and rules share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from portal.grants.models import GrantEvent
from portal.grants.services import permitting
from portal.workflow.models import ServiceRequest
from portal.workflow.services import consenting
from senders.models import (
    AuthorizedAddress,
    AuthorizedSelector,
    FromAddress,
    Identity,
    RequestedSelector,
    SenderAuthorization,
    SenderRequest,
)
from senders.plan import KeyPlan, Plan

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.grants.models import Grant
    from portal.workflow.kinds import Terms


def addresses_of(service_request: ServiceRequest) -> list[str]:
    """The From addresses that the request names."""
    return [row.address for row in SenderRequest.of(service_request).addresses.all()]


def keys_of(service_request: ServiceRequest) -> list[KeyPlan]:
    """The DKIM plan of the request."""
    return _keys(SenderRequest.of(service_request).selectors.all())


def _keys(rows: Iterable[RequestedSelector] | Iterable[AuthorizedSelector]) -> list[KeyPlan]:
    return [key_of(row) for row in rows]


def key_of(row: RequestedSelector | AuthorizedSelector) -> KeyPlan:
    """One key of a plan, as a plain value."""
    return KeyPlan(row.selector, row.kind, row.value)


def plan_of(service_request: ServiceRequest) -> Plan:
    """What the request asks, as plain values."""
    detail = SenderRequest.of(service_request)
    return _plan(detail, addresses_of(service_request), keys_of(service_request))


def granted_plan(service_request: ServiceRequest, terms: "Terms") -> Plan:
    """What an approval with `terms` would allow: the request's plan, less the addresses that the reviewer cut."""
    kept = terms.keep.get("addresses", addresses_of(service_request))
    addresses = [one for one in addresses_of(service_request) if one in kept]
    return _plan(SenderRequest.of(service_request), addresses, keys_of(service_request))


def authorized_plan(grant: "Grant") -> Plan:
    """What the grant allows, as plain values."""
    authorization: SenderAuthorization = grant.senders
    addresses = [row.address for row in authorization.addresses.all()]
    return _plan(authorization, addresses, _keys(authorization.selectors.all()))


def _plan(
    row: SenderRequest | SenderAuthorization, addresses: Sequence[str], keys: Sequence[KeyPlan]
) -> Plan:
    return Plan(
        addresses=addresses,
        sending_domain=row.sending_domain,
        envelope_domain=row.envelope_domain,
        signing_domain=row.signing_domain,
        keys=keys,
        spf_term=row.spf_term,
        is_subdomain=row.identity == Identity.SUBDOMAIN,
    )


def write_permission(
    *, grant: "Grant", service_request: ServiceRequest, terms: "Terms"
) -> SenderAuthorization:
    """Write what a grant allows: the request's plan, less the addresses that the reviewer cut."""
    detail = SenderRequest.of(service_request)
    authorization = permitting.write_permission(model=SenderAuthorization, grant=grant, detail=detail)
    grant.senders = authorization
    kept = terms.keep.get("addresses", addresses_of(service_request))
    authorization.addresses.all().delete()
    authorization.selectors.all().delete()
    AuthorizedAddress.objects.bulk_create(
        AuthorizedAddress(authorization=authorization, address=one)
        for one in addresses_of(service_request)
        if one in kept
    )
    AuthorizedSelector.objects.bulk_create(
        AuthorizedSelector(authorization=authorization, selector=key.selector, kind=key.kind, value=key.value)
        for key in keys_of(service_request)
    )
    return authorization


def note_confirmation(*, grant: "Grant", actor: "User", sentence: str) -> None:
    """Write into a grant's history that somebody vouched for the target of one of its records."""
    GrantEvent.objects.create(
        grant=grant,
        actor=actor,
        action="confirm_target",
        from_state=grant.state,
        to_state=grant.state,
        reason=sentence,
    )


def ask_consent(*, service_request: ServiceRequest, needed: Mapping[str, str], actor: "User") -> int:
    """Ask for the From addresses that are not the requester's to lend (portal.workflow.services.consenting)."""
    rows = FromAddress.objects.filter(sender_request_id=service_request.pk)
    count = consenting.ask(service_request=service_request, rows=rows, needed=needed, actor=actor)
    SenderRequest.forget(service_request)
    return count


def copy_consents(*, source: ServiceRequest, target: ServiceRequest) -> None:
    """Give the addresses of `target` what was agreed to for `source`."""
    for address, answer in consenting.answers_of(SenderRequest.of(source).addresses.all()).items():
        FromAddress.objects.filter(sender_request_id=target.pk, address=address).update(**answer)
    SenderRequest.forget(target)
