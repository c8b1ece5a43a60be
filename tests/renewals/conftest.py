"""A grant near its end, in a DNS that knows its host, and the people around it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from portal.grants.models import Grant
from portal.policy_service.models import CountedDay, DailyUse
from tests.cast import ADDRESS, HOST, Cast, approved
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
