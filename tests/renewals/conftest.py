"""A grant near its end, in a DNS that knows its host, and the people around it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from portal.grants.models import Grant
from portal.policy_service.models import CountedDay, DailyUse
from portal.renewals.services import filing
from portal.workflow.models import ServiceRequest
from tests.cast import ADDRESS, HOST, Cast, approve, approved, fresh, submitted
from tests.support.dns_server import DnsServer

BEGIN = datetime(2026, 3, 2, 18, tzinfo=UTC)
LATER = datetime(2027, 2, 1, 18, tzinfo=UTC)


@pytest.fixture
def names(settings: Any) -> Iterator[DnsServer]:
    """The portal asks this server, with a deadline that a busy machine can keep."""
    with DnsServer() as server:
        known(server, HOST, ADDRESS)
        settings.DNS_RESOLVER = server.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        yield server


def known(server: DnsServer, host: str, address: str) -> None:
    """Let the DNS know a host, forwards and back."""
    server.add(host, "A", address)
    server.add(".".join([*reversed(address.split(".")), "in-addr.arpa"]), "PTR", f"{host}.")


@pytest.fixture
def grant(names: DnsServer, cast: Cast) -> Grant:
    """A relay grant of a year ago, whose renewal has opened; the clock stands in its last weeks."""
    return old_grant(cast)


def old_grant(cast: Cast, **facts: Any) -> Grant:
    """A relay grant approved at BEGIN; facts are those of the request."""
    with time_machine.travel(BEGIN):
        return approved(cast, **facts)


def counted(grant: Grant, *, days: int, accepted_days_ago: int | None = None) -> None:
    """The relay was counted on the last `days` days; mail passed `accepted_days_ago`, or never."""
    today = timezone.localdate()
    CountedDay.objects.bulk_create(
        [CountedDay(day=today - timedelta(days=back)) for back in range(days)], ignore_conflicts=True
    )
    if accepted_days_ago is not None:
        day = today - timedelta(days=accepted_days_ago)
        DailyUse.objects.update_or_create(
            grant=grant,
            day=day,
            defaults={"accepted": 12, "refused": 3, "deferred": 1, "last_at": timezone.now()},
        )


def green_renewals(cast: Cast, names: DnsServer, count: int, *, first: int = 0) -> list[ServiceRequest]:
    """`count` renewals of copiers in review, unchanged and green, each of a grant that ends in twenty days."""
    return [green_renewal(cast, names, number) for number in range(first, first + count)]


def green_renewal(cast: Cast, names: DnsServer, number: int, **facts: Any) -> ServiceRequest:
    """One of them; `number` makes its address and its host."""
    grant = ending_grant(cast, names, number, **facts)
    return fresh(filing.confirm(grant=grant, actor=grant.owner, revision=grant.revision))


def ending_grant(cast: Cast, names: DnsServer, number: int, **facts: Any) -> Grant:
    """A grant that ends in twenty days, by the clock of every process."""
    host, address = f"copier-{number}.ttu.edu", f"129.118.11.{20 + number}"
    known(names, host, address)
    approver = facts.pop("approver", cast.reviewer)
    grant = approve(cast, submitted(cast, address=address, host=host, **facts), actor=approver)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(
        starts_on=today - timedelta(days=345), ends_on=today + timedelta(days=20)
    )
    return Grant.objects.get(pk=grant.pk)
