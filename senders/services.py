"""Writes of the senders room, and the small reads that its forms and rules share."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from portal.grants.models import GrantEvent
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering
from senders.models import (
    AuthorizedAddress,
    AuthorizedSelector,
    FromAddress,
    Identity,
    SelectorWish,
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


def _keys(rows: Iterable[SelectorWish] | Iterable[AuthorizedSelector]) -> list[KeyPlan]:
    return [KeyPlan(row.selector, row.kind, row.value) for row in rows]


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


def write_addresses(*, service_request: ServiceRequest, addresses: Sequence[str]) -> None:
    """Replace the From addresses of a request."""
    detail = SenderRequest.of(service_request)
    detail.addresses.all().delete()
    FromAddress.objects.bulk_create(FromAddress(sender_request=detail, address=one) for one in addresses)
    SenderRequest.forget(service_request)


def write_keys(*, service_request: ServiceRequest, keys: Sequence[KeyPlan]) -> None:
    """Replace the DKIM plan of a request."""
    detail = SenderRequest.of(service_request)
    detail.selectors.all().delete()
    SelectorWish.objects.bulk_create(
        SelectorWish(sender_request=detail, selector=key.selector, kind=key.kind, value=key.value)
        for key in keys
    )
    SenderRequest.forget(service_request)


_GRANTED = (
    "service_name",
    "vendor",
    "identity",
    "sending_domain",
    "envelope_domain",
    "signing_domain",
    "spf_term",
    "exit_plan",
)


def write_permission(
    *, grant: "Grant", service_request: ServiceRequest, terms: "Terms"
) -> SenderAuthorization:
    """Write what a grant allows: the request's plan, less the addresses that the reviewer cut."""
    detail = SenderRequest.of(service_request)
    authorization, _ = SenderAuthorization.objects.update_or_create(
        grant=grant, defaults={name: getattr(detail, name) for name in _GRANTED}
    )
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


_COPIED = (
    "service_name",
    "vendor",
    "service_model",
    "agreement",
    "agreement_number",
    "contract_starts_on",
    "contract_ends_on",
    "identity",
    "identity_reason",
    "sending_domain",
    "envelope_domain",
    "signing_domain",
    "spf_term",
    "is_bulk",
    "classification",
    "tx_ramp",
    "accessibility",
    "security_review",
    "exit_plan",
)
"""All answers but the statement, which a renewal makes anew."""


def copy_answers(*, grant: "Grant", service_request: ServiceRequest) -> None:
    """Fill a renewal's draft: the answers in force, the sponsor, and what the grant allows."""
    old, new = SenderRequest.of(grant.latest_request), SenderRequest.of(service_request)
    answering.write_columns(detail=new, columns={name: getattr(old, name) for name in _COPIED})
    sponsor = grant.latest_request.sponsor
    if sponsor is not None and sponsor.pk != service_request.requester_id:
        service_request.sponsor = sponsor
        service_request.save(update_fields=["sponsor"])
    plan = authorized_plan(grant)
    write_addresses(service_request=service_request, addresses=plan.addresses)
    write_keys(service_request=service_request, keys=plan.keys)


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
