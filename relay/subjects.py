"""Which relay permissions, and which requests in review, concern a subject, by what they name now."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from portal.grants.states import OPEN_STATES
from portal.grants.subjects import (
    DomainSubject,
    Hit,
    HostSubject,
    MailboxSubject,
    NetworkSubject,
    Subject,
    at_or_below,
    mailbox_at_or_below,
)
from portal.workflow.states import LIVE_STATES
from relay.models import (
    PermittedAddress,
    PermittedSender,
    RelayAddress,
    RelayPermission,
    RelayRequest,
    RelaySender,
)

_OF_PERMISSION = {"permission__grant__state__in": OPEN_STATES}
_OF_REQUEST = {"relay_request__service_request__state__in": LIVE_STATES}


def grants_that_allow(subject: Subject) -> Iterator[Hit]:
    """The open permissions: by address, sender and host."""
    if isinstance(subject, NetworkSubject):
        rows = PermittedAddress.objects.filter(network__overlaps=subject.network, **_OF_PERMISSION)
        yield from _of_networks(subject, rows.values_list("permission_id", "network"))
        return
    hosts = RelayPermission.objects.filter(grant__state__in=OPEN_STATES)
    senders = PermittedSender.objects.filter(**_OF_PERMISSION)
    yield from _of_names(subject, hosts, senders, "permission_id")


def requests_that_would_allow(subject: Subject) -> Iterator[Hit]:
    """The requests in review, in the same way."""
    if isinstance(subject, NetworkSubject):
        requested = RelayAddress.objects.filter(network__overlaps=subject.network, **_OF_REQUEST)
        yield from _of_networks(subject, requested.values_list("relay_request_id", "network"))
        return
    hosts = RelayRequest.objects.filter(service_request__state__in=LIVE_STATES)
    senders = RelaySender.objects.filter(**_OF_REQUEST)
    yield from _of_names(subject, hosts, senders, "relay_request_id")


def _of_networks(subject: NetworkSubject, rows: Any) -> Iterator[Hit]:
    for pk, network in rows:
        if why := subject.allowed_by(network):
            yield Hit(pk, why)


def _of_names(subject: Subject, hosts: QuerySet[Any], senders: QuerySet[Any], key: str) -> Iterator[Hit]:
    if isinstance(subject, HostSubject):
        hosts, senders = hosts.filter(hostname=subject.name), senders.none()
    elif isinstance(subject, MailboxSubject):
        hosts, senders = hosts.none(), senders.filter(address=subject.address)
    elif isinstance(subject, DomainSubject):
        hosts = hosts.filter(at_or_below("hostname", subject.name))
        senders = senders.filter(mailbox_at_or_below("address", subject.name))
    else:
        return
    for pk, name in hosts.values_list("pk", "hostname"):
        yield Hit(pk, f"its host is {name}")
    for pk, address in senders.values_list(key, "address"):
        yield Hit(pk, f"may send as {address}")
