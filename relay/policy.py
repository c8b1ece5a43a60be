"""Relay grants as the policy service asks for them: three queries, whatever their number."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from portal.grants.models import Grant
from portal.grants.relay_rules import RelayRule
from portal.institution import institution
from portal.lib.networks import Network
from relay.models import PermittedAddress, PermittedSender, Recipients, RelayPermission
from relay.permitted import CHUNK, grouped

_COLUMNS = (
    "grant_id",
    "grant__reference",
    "grant__state",
    "grant__state_changed_at",
    "grant__starts_on",
    "grant__ends_on",
    "grant__held_open_by_id",
    "recipients",
    "recipient_domains",
    "peak_per_hour",
    "per_day",
    "external_per_day",
)


def rules_of(grants: QuerySet[Grant]) -> Iterator[RelayRule]:
    """The rule of each of `grants` that has a relay permission."""
    # Ordered, so that grants of equal addresses share text and answers come out the same each time.
    wanted = grants.order_by().values("pk")
    addresses = grouped(PermittedAddress.objects.filter(permission__in=wanted), "network")
    senders = grouped(PermittedSender.objects.filter(permission__in=wanted), "address")
    permissions = RelayPermission.objects.filter(grant__in=wanted).order_by("grant_id")
    for row in permissions.values_list(*_COLUMNS).iterator(CHUNK):
        yield _rule(row, addresses.get(row[0], ()), senders.get(row[0], ()))


def _rule(row: tuple[Any, ...], networks: Iterable[Network], senders: Iterable[str]) -> RelayRule:
    grant_id, reference, state, changed_at, starts_on, ends_on, holder, recipients, domains, *caps = row
    per_hour, per_day, external_per_day = caps
    scope = None
    if recipients != Recipients.ANYONE:
        scope = tuple(dict.fromkeys(name.lower() for name in [institution().mail_domain, *domains.split()]))
    return RelayRule(
        grant_id=grant_id,
        reference=reference,
        state=state,
        changed_on=changed_at.date(),
        starts_on=starts_on,
        ends_on=ends_on,
        is_held_open=holder is not None,
        networks=tuple(networks),
        senders=tuple(sorted(address.lower() for address in senders)),
        recipient_domains=scope,
        per_hour=per_hour,
        per_day=per_day,
        external_per_day=external_per_day,
    )
