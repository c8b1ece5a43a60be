"""Relay permissions as exports read them: three queries and a few words each, whatever their number.

A hundred thousand model objects with their rows would take a gigabyte and a minute; these take some 60 MB.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from ipaddress import ip_network
from typing import Any, NamedTuple

from django.db.models import QuerySet

from portal.grants.models import Grant
from portal.grants.relay_rules import REMEMBERED_DAYS
from portal.grants.states import GrantState
from portal.lib.networks import Network
from relay.models import PermittedAddress, PermittedSender, Recipients, RelayPermission

CHUNK = 5000
_COLUMNS = (
    "grant_id",
    "grant__reference",
    "grant__owner__email",
    "grant__ends_on",
    "grant__state",
    "grant__state_changed_at",
    "hostname",
    "recipients",
    "recipient_domains",
)


class Permitted(NamedTuple):
    """One grant of the relay: who may send, as whom and to whom."""

    reference: str
    owner: str
    """The owner's email address."""
    ends_on: date
    state: str
    state_changed_at: datetime
    hostname: str
    recipients: str
    recipient_domains: str
    networks: tuple[Network, ...]
    senders: tuple[str, ...]
    """Sorted."""

    @property
    def is_scoped(self) -> bool:
        """Whether it may not send to just anyone."""
        return self.recipients != Recipients.ANYONE

    def to_keep(self) -> dict[str, Any]:
        """The permission for a release's JSON."""
        return self._asdict() | {"networks": [str(network) for network in self.networks]}

    @classmethod
    def from_kept(cls, facts: Mapping[str, Any]) -> "Permitted":
        """The permission as it was when `to_keep` was kept as JSON with a release.

        A field that is added later needs a default, since what was kept before does not have it.
        """
        known = {name: value for name, value in facts.items() if name in cls._fields}
        return cls(**known)._replace(
            ends_on=date.fromisoformat(facts["ends_on"]),
            state_changed_at=datetime.fromisoformat(facts["state_changed_at"]),
            networks=tuple(map(ip_network, facts["networks"])),
            senders=tuple(facts["senders"]),
        )


def in_force(day: date, references: Collection[str] | None = None) -> list[Permitted]:
    """The permissions in force on `day`, by reference; of `references` alone, where they are given."""
    grants = Grant.objects.in_force(day).filter(kind="relay")
    if references is not None:
        grants = grants.filter(reference__in=references)
    return _read(grants, "grant__reference")


def out_of_force(day: date) -> list[Permitted]:
    """The permissions that were in force and are not on `day`, remembered for a while; the latest end first."""
    since = day - timedelta(days=REMEMBERED_DAYS)
    grants = (
        Grant.objects.filter(kind="relay", ends_on__gte=since)
        .exclude(pk__in=Grant.objects.in_force(day).values("pk"))
        .exclude(state=GrantState.ACTIVE, starts_on__gt=day)
    )
    return _read(grants, "-grant__ends_on", "grant__reference")


def grouped(rows: QuerySet[Any], column: str) -> Mapping[int, list[Any]]:
    """The values of `column` in `rows` of permissions, by permission, in the order they were written."""
    found: dict[int, list[Any]] = defaultdict(list)
    wanted = rows.order_by("permission_id", "pk").values_list("permission_id", column)
    for permission, value in wanted.iterator(CHUNK):
        found[permission].append(value)
    return found


def _read(grants: QuerySet[Grant], *order: str) -> list[Permitted]:
    wanted = grants.order_by().values("pk")
    addresses = grouped(PermittedAddress.objects.filter(permission__in=wanted), "network")
    senders = grouped(PermittedSender.objects.filter(permission__in=wanted), "address")
    rows = RelayPermission.objects.filter(grant__in=wanted).order_by(*order).values_list(*_COLUMNS)
    return [
        Permitted._make((*facts, tuple(addresses.get(grant, ())), tuple(sorted(senders.get(grant, ())))))
        for grant, *facts in rows.iterator(CHUNK)
    ]
