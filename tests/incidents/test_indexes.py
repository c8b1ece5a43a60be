"""An incident finds hosts, senders and domains of relay by an index: its cost does not grow with the tables."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from portal.grants.models import Grant
from portal.grants.subjects import at_or_below, mailbox_at_or_below
from relay.models import PermittedSender, RelayPermission, RelayRequest, RelaySender
from tests.cast import Cast, approved

pytestmark = pytest.mark.django_db
ROWS = 4000


@pytest.fixture
def crowd(cast: Cast) -> Grant:
    """One permission, and as many senders and hosts around it as make reading a table dearer than its index."""
    grant = approved(cast, host="scan-7.physics.ttu.edu")
    asked = RelayRequest.objects.get(pk=grant.request_id)
    PermittedSender.objects.bulk_create(
        PermittedSender(permission=grant.relay, address=f"a{number}@d{number}.example.org")
        for number in range(ROWS)
    )
    RelaySender.objects.bulk_create(
        RelaySender(relay_request=asked, address=f"a{number}@d{number}.example.org") for number in range(ROWS)
    )
    with connection.cursor() as cursor:
        for model in (PermittedSender, RelaySender):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    return grant


def plan_of(rows: "QuerySet[Any]") -> str:
    return rows.order_by().explain()


QUERIES: list[tuple[str, Any]] = [
    (
        "relay_senders_by_domain",
        lambda: PermittedSender.objects.filter(mailbox_at_or_below("address", "ttu.edu")),
    ),
    ("relay_wishes_by_domain", lambda: RelaySender.objects.filter(mailbox_at_or_below("address", "ttu.edu"))),
    ("relay_wishes_by_sender", lambda: RelaySender.objects.filter(address="noreply-lab@ttu.edu")),
]
HOSTS: list[tuple[str, Any]] = [
    ("relay_by_host", lambda: RelayPermission.objects.filter(hostname="scan-7.physics.ttu.edu")),
    ("relay_by_domain", lambda: RelayPermission.objects.filter(at_or_below("hostname", "physics.ttu.edu"))),
    ("relay_requests_by_host", lambda: RelayRequest.objects.filter(hostname="scan-7.physics.ttu.edu")),
    (
        "relay_requests_by_domain",
        lambda: RelayRequest.objects.filter(at_or_below("hostname", "physics.ttu.edu")),
    ),
]


@pytest.mark.parametrize(("index", "rows"), QUERIES, ids=[index for index, _ in QUERIES])
def test_senders_are_found_by_an_index_among_many(crowd: Grant, index: str, rows: Any) -> None:
    assert rows().count() == 1
    plan = plan_of(rows())
    assert index in plan, plan
    assert "Seq Scan" not in plan
    assert "SCAN " not in plan


@pytest.mark.parametrize(("index", "rows"), HOSTS, ids=[index for index, _ in HOSTS])
def test_hosts_are_found_by_an_index(crowd: Grant, index: str, rows: Any) -> None:
    assert rows().count() == 1
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # of a few rows it would read them all
    plan = plan_of(rows())
    assert index in plan, plan


@pytest.mark.parametrize(
    ("domain", "hosts", "senders"),
    [
        ("ttu.edu", 1, 1),
        ("TTU.edu", 1, 1),
        ("physics.ttu.edu", 1, 0),
        ("scan-7.physics.ttu.edu", 1, 0),
        ("tu.edu", 0, 0),
        ("7.physics.ttu.edu", 0, 0),
        ("%.edu", 0, 0),
        ("ttu_edu", 0, 0),
        ("edu", 1, 1),
    ],
)
def test_a_domain_has_what_is_at_it_and_below_it(cast: Cast, domain: str, hosts: int, senders: int) -> None:
    approved(cast, host="Scan-7.physics.ttu.edu")
    assert RelayPermission.objects.filter(at_or_below("hostname", domain)).count() == hosts
    assert PermittedSender.objects.filter(mailbox_at_or_below("address", domain)).count() == senders
