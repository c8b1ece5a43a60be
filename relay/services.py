"""Writes of the relay room, and the small reads that its forms and rules share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.networks import Network, shown
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.services import enqueue
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.states import OPEN_STATES
from relay.models import (
    PermittedAddress,
    PermittedSender,
    RelayAddress,
    RelayPermission,
    RelayRequest,
    RelaySender,
    bounds,
)

if TYPE_CHECKING:
    from portal.grants.models import Grant
    from portal.workflow.kinds import Terms


def detail_of(service_request: ServiceRequest) -> RelayRequest:
    """The request's own row, with its addresses and senders; read once for an instance."""
    cached: RelayRequest | None = service_request.__dict__.get("_relay_detail")
    if cached is None:
        rows = RelayRequest.objects.prefetch_related("addresses", "senders")
        cached = service_request.__dict__["_relay_detail"] = rows.get(service_request=service_request)
    return cached


def forget(service_request: ServiceRequest) -> None:
    """Read the row anew next time."""
    service_request.__dict__.pop("_relay_detail", None)


def addresses_of(service_request: ServiceRequest) -> list[str]:
    """The networks of the request as people write them."""
    from portal.lib.networks import parse_network

    return [shown(parse_network(row.network)) for row in detail_of(service_request).addresses.all()]


def senders_of(service_request: ServiceRequest) -> list[str]:
    """The senders of the request."""
    return [row.address for row in detail_of(service_request).senders.all()]


def write_columns(*, detail: RelayRequest, columns: Mapping[str, Any]) -> None:
    """Write columns of the detail row, with its history."""
    for name, value in columns.items():
        setattr(detail, name, value)
    detail.save(update_fields=list(columns))


def write_addresses(*, detail: RelayRequest, networks: Sequence[Network]) -> None:
    """Replace the addresses of a request."""
    detail.addresses.all().delete()
    RelayAddress.objects.bulk_create(RelayAddress(relay_request=detail, network=str(n)) for n in networks)
    forget(detail.service_request)


def write_senders(*, detail: RelayRequest, addresses: Sequence[str]) -> None:
    """Replace the senders of a request; one that stays keeps its consent."""
    detail.senders.exclude(address__in=addresses).delete()
    there = set(detail.senders.values_list("address", flat=True))
    RelaySender.objects.bulk_create(
        RelaySender(relay_request=detail, address=address) for address in addresses if address not in there
    )
    forget(detail.service_request)


def write_permission(*, grant: "Grant", service_request: ServiceRequest, terms: "Terms") -> RelayPermission:
    """Write what a grant allows: the request's answers, less what the reviewer cut."""
    detail = detail_of(service_request)
    permission, _ = RelayPermission.objects.update_or_create(
        grant=grant,
        defaults={
            "hostname": detail.hostname,
            "recipients": detail.recipients,
            "recipient_domains": detail.recipient_domains,
            "peak_per_hour": detail.peak_per_hour,
        },
    )
    permission.addresses.all().delete()
    permission.senders.all().delete()
    kept_addresses = terms.keep.get("addresses", addresses_of(service_request))
    kept_senders = terms.keep.get("senders", senders_of(service_request))
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=permission, network=row.network, first=first, last=last)
        for row in detail.addresses.all()
        if _shown(row.network) in kept_addresses
        for first, last in [bounds(row.network)]
    )
    PermittedSender.objects.bulk_create(
        PermittedSender(permission=permission, address=row.address)
        for row in detail.senders.all()
        if row.address in kept_senders
    )
    return permission


def _shown(network: str) -> str:
    from portal.lib.networks import parse_network

    return shown(parse_network(network))


_COPIED = (
    "system_kind", "capability", "capability_reason", "hostname", "range_reason", "bounce_address",
    "recipients", "recipient_domains", "typical_per_day", "peak_per_hour", "external_per_day",
    "recipients_per_message", "is_fed_by_web_form", "contents", "tls", "asset_tag", "after_hours_contact",
)  # fmt: skip


def copy_answers(*, grant: "Grant", service_request: ServiceRequest) -> None:
    """Fill a renewal's draft: the answers in force, with the addresses and senders that the grant allows."""
    old, new = detail_of(grant.latest_request), detail_of(service_request)
    write_columns(detail=new, columns={name: getattr(old, name) for name in _COPIED})
    permission = grant.relay
    RelayAddress.objects.bulk_create(
        RelayAddress(relay_request=new, network=row.network) for row in permission.addresses.all()
    )
    consents = {row.address: row for row in old.senders.all()}
    RelaySender.objects.bulk_create(
        RelaySender(
            relay_request=new,
            address=row.address,
            consent_given_at=consents[row.address].consent_given_at if row.address in consents else None,
        )
        for row in permission.senders.all()
    )
    forget(service_request)


# ---------------------------------------------------------------- consent
@transaction.atomic
def ask_consent(*, service_request: ServiceRequest, personal: Sequence[str], actor: User) -> int:
    """Ask the people whose own addresses are named, each once; returns how many were asked."""
    senders = RelaySender.objects.filter(
        relay_request_id=service_request.pk, address__in=personal,
        consent_asked_at__isnull=True, consent_given_at__isnull=True,
    ).exclude(address=actor.email)  # fmt: skip
    count = 0
    for sender in senders:
        sender.consent_asked_at = timezone.now()
        sender.save(update_fields=["consent_asked_at"])
        enqueue(
            recipient=sender.address,
            template="sender_consent",
            thread=service_request.reference,
            unique_key=f"sender_consent:{sender.pk}",
            context={
                "reference": service_request.reference,
                "title": service_request.title,
                "address": sender.address,
                "actor": str(actor),
                "comment": service_request.purpose,
                "path": f"/relay/consent/{sender.pk}/",
            },
        )
        count += 1
    RelaySender.objects.filter(
        relay_request_id=service_request.pk, address=actor.email, consent_given_at__isnull=True
    ).update(consent_given_at=timezone.now())
    forget(service_request)
    return count


@transaction.atomic
def answer_consent(*, sender: RelaySender, actor: User, agree: bool) -> None:
    """Record the answer of the person whose address it is. Raises NotAllowed or WrongState."""
    if actor.email != sender.address:
        raise NotAllowed("Only the person whose address it is can answer this.")
    service_request = sender.relay_request.service_request
    if service_request.state not in OPEN_STATES:
        raise WrongState(f"{service_request.reference} is decided already.")
    sender.consent_given_at = timezone.now() if agree else None
    sender.consent_refused_at = None if agree else timezone.now()
    sender.save(update_fields=["consent_given_at", "consent_refused_at"])
    Event.objects.create(
        service_request=service_request, actor=actor, action="consent",
        comment=f"{sender.address}: {'agreed' if agree else 'refused'}",
        from_state=service_request.state, to_state=service_request.state, stage=service_request.stage,
    )  # fmt: skip
