"""The grants that the export benchmark writes out: `python -m benchmarks.export_world GRANTS`, of each of two kinds."""

import sys
from datetime import timedelta

import django

if __name__ == "__main__":
    django.setup()

from django.db import connection, transaction
from django.utils import timezone

from benchmarks import policy_world
from portal.accounts.models import User
from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.states import State
from whitelist.models import EntryKind, PermittedEntry, WhitelistPermission

OWNERS = 500


def load(grants: int) -> None:
    """Write the relay grants of the policy benchmark, and as many whitelist grants of many owners."""
    policy_world.load(grants)
    owners = User.objects.bulk_create(
        User(email=f"owner-{number}@ttu.edu", name=f"Owner {number}", password="!")
        for number in range(OWNERS)
    )
    for start in range(0, grants, policy_world.BATCH):
        _write(owners, range(start, min(start + policy_world.BATCH, grants)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@transaction.atomic
def _write(owners: list[User], numbers: range) -> None:
    today = timezone.localdate()
    requests = ServiceRequest.objects.bulk_create(
        ServiceRequest(
            kind="whitelist",
            reference=f"TM-W-{number:06}",
            state=State.APPROVED,
            title=f"Vendor {number}",
            requester=owners[number % OWNERS],
        )
        for number in numbers
    )
    grants = Grant.objects.bulk_create(
        Grant(
            kind="whitelist",
            reference=request.reference,
            request=request,
            latest_request=request,
            owner=request.requester,
            title=request.title,
            starts_on=today - timedelta(days=number % 300),
            ends_on=today + timedelta(days=365 - number % 300),
        )
        for number, request in zip(numbers, requests, strict=True)
    )
    permissions = WhitelistPermission.objects.bulk_create(
        WhitelistPermission(grant=grant, vendor=grant.title) for grant in grants
    )
    PermittedEntry.objects.bulk_create(
        PermittedEntry(permission=permission, kind=EntryKind.DOMAIN, value=f"vendor{number}.example")
        if number % 10 == 0
        else PermittedEntry(
            permission=permission, kind=EntryKind.ADDRESS, value=f"orders-{number}@mail{number % 997}.example"
        )
        for number, permission in zip(numbers, permissions, strict=True)
    )


if __name__ == "__main__":
    load(int(sys.argv[1]))
