"""Where a grant is live: approved, released to which targets, and since when on which hosts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from portal.enforcement.hosts import HostStanding, target_standings
from portal.enforcement.models import ExportedGrant, Receipt
from portal.grants.models import Grant


@dataclass(frozen=True)
class OnHost:
    """What one host does with the grant."""

    host: str
    is_done: bool
    """Whether the host applied the release that brought (or took) the grant."""
    since: datetime | None
    trouble: str
    """What is wrong with the host, in words; empty where nothing is."""


@dataclass(frozen=True)
class InTarget:
    """The grant in one target: from which release on, or since which release no longer."""

    label: str
    serial: int
    released_at: datetime
    is_gone: bool
    hosts: list[OnHost]


@dataclass(frozen=True)
class Liveness:
    """The grant's way from the decision to the mail system."""

    approved_at: datetime
    targets: list[InTarget]


def panel_of(grant: Grant) -> Liveness | None:
    """The grant's liveness, or None where no target ever held it."""
    newest: dict[str, ExportedGrant] = {}
    rows = ExportedGrant.objects.filter(reference=grant.reference).select_related("since", "until")
    for row in rows.order_by("pk"):
        newest[row.target] = row
    if not newest:
        return None
    found = [
        _in_target(target.label, newest[target.key], target.hosts)
        for target in target_standings()
        if target.key in newest
    ]
    return Liveness(grant.created_at, found)


def _in_target(label: str, row: ExportedGrant, hosts: Iterable[HostStanding]) -> InTarget:
    release = row.until or row.since
    shown = [_on_host(host, release.serial) for host in hosts]
    return InTarget(label, release.serial, release.released_at, row.until is not None, shown)


def _on_host(standing: HostStanding, serial: int) -> OnHost:
    state = standing.state
    done = state.serial >= serial
    return OnHost(
        state.host, done, _since(state.host, state.target, serial) if done else None, standing.sentence
    )


def _since(host: str, target: str, serial: int) -> datetime | None:
    """When the host first had a release of `serial` or later."""
    first = (
        Receipt.objects.filter(host=host, target=target, serial__gte=serial)
        .order_by("id")
        .values_list("applied_at", "received_at")
        .first()
    )
    return (first[0] or first[1]) if first else None
