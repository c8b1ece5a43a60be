"""The grants that the policy benchmark asks about: `load GRANTS`, and `click` for what a reviewer's click costs.

Each runs in a process of its own on the database of its environment. Everything follows from a grant's number.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.workflow.models import ServiceRequest
from portal.workflow.states import State
from relay.models import PermittedAddress, PermittedSender, RelayPermission

BATCH = 5000
ENOUGH_AN_HOUR = 1_000_000
CLICKED = "TM-R-CLICK"
WARMING = 4
"""Clicks before the ones that count: a portal that serves has its templates read."""
CLIENT, SENDER = "127.0.0.2", "noreply-click@ttu.edu"
BUSY, BUSY_CLIENT, BUSY_SENDER = "TM-R-BUSY", "127.0.0.1", "noreply-busy@ttu.edu"
"""The grant that Postfix's own load generator sends with."""


def address_of(number: int) -> str:
    """The address of grant `number`: a third IPv4 while the campus has addresses, the others IPv6."""
    if number % 3 == 0 and number < 120_000:
        host = 256 + number // 3
        return f"129.118.{host >> 8}.{host & 255}"
    return f"2001:db8:4000:{number >> 16:x}::{number & 0xFFFF:x}"


def sender_of(number: int) -> str:
    """The sender of grant `number`."""
    return f"noreply-{number}@ttu.edu"


def load(grants: int) -> None:
    """Write `grants` grants in force, the one that `click` works on, and the one that mail is sent with."""
    owner = User.objects.create_user("owner@ttu.edu", None, name="Owner")
    reviewer = User.objects.create_user("reviewer@ttu.edu", None, name="Reviewer")
    reviewer.groups.add(Group.objects.get_or_create(name=str(Role.REVIEWER))[0])
    for start in range(0, grants, BATCH):
        numbers = range(start, min(start + BATCH, grants))
        _write(owner, [(f"TM-R-{n:06}", address_of(n), sender_of(n), n % 4 == 0) for n in numbers])
    _write(owner, [(CLICKED, CLIENT, SENDER, False), (BUSY, BUSY_CLIENT, BUSY_SENDER, False)])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


@transaction.atomic
def _write(owner: User, rows: list[tuple[str, str, str, bool]]) -> None:
    today = timezone.localdate()
    requests = ServiceRequest.objects.bulk_create(
        ServiceRequest(
            kind="relay", reference=reference, state=State.APPROVED, requester=owner, title=reference
        )
        for reference, *_ in rows
    )
    grants = Grant.objects.bulk_create(
        Grant(
            kind="relay",
            reference=request.reference,
            request=request,
            latest_request=request,
            owner=owner,
            title=request.title,
            starts_on=today - timedelta(days=30),
            ends_on=today + timedelta(days=300),
        )
        for request in requests
    )
    permissions = RelayPermission.objects.bulk_create(
        RelayPermission(
            grant=grant,
            hostname="host.ttu.edu",
            recipients="internal" if is_internal else "anyone",
            peak_per_hour=ENOUGH_AN_HOUR,
            per_day=ENOUGH_AN_HOUR,
            external_per_day=ENOUGH_AN_HOUR,
        )
        for grant, (_, _, _, is_internal) in zip(grants, rows, strict=True)
    )
    found = list(zip(permissions, rows, strict=True))
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=permission, network=ip_network(address))
        for permission, (_, address, _, _) in found
    )
    PermittedSender.objects.bulk_create(
        PermittedSender(permission=permission, address=sender) for permission, (_, _, sender, _) in found
    )


# ---------------------------------------------------------------- from the click to the answer
def click(rounds: int, ask: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Suspend and resume the grant by turns; how long until `ask` (is the mail taken?) turns, in seconds."""
    actor = User.objects.get(email="reviewer@ttu.edu")
    for number in range(-WARMING, rounds):
        action = GrantAction.RESUME if number % 2 else GrantAction.SUSPEND
        wanted = action == GrantAction.RESUME
        grant = Grant.objects.get(reference=CLICKED)
        started = time.perf_counter()
        managing.change_state(grant=grant, action=action, actor=actor, reason="Measured.")
        while ask() != wanted:
            if time.perf_counter() - started > 30:
                raise SystemExit(f"{action} did not reach Postfix within 30 s.")
        if number >= 0:
            yield {"action": str(action), "seconds": time.perf_counter() - started}


PERMIT_ALL = "mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
"""Lines of main.cf that leave every decision to the milter."""


def _postfix(service_port: int, rounds: int, milter_port: int = 0) -> None:
    """Click; Postfix asks the policy protocol at `service_port`, or the milter alone where its port is given."""
    from tests.support.postfix import PostfixServer  # noqa: PLC0415 - settings and path are set up first

    program = shutil.which("postfix", path="/usr/sbin:/usr/bin")
    if program is None:
        raise SystemExit("Postfix is not installed.")

    def is_taken() -> bool:
        return server.send(CLIENT, SENDER, "a@example.com").code == 250

    with tempfile.TemporaryDirectory(prefix="techmail-bench-postfix-") as folder:
        server = PostfixServer(Path(folder), program)
        server.start()
        try:
            if milter_port:
                server.ask_policy(None, milter=milter_port, more=PERMIT_ALL)
            else:
                server.ask_policy(service_port)
            print(json.dumps(list(click(rounds, is_taken))))
        finally:
            server.stop()


if __name__ == "__main__":
    if sys.argv[1] == "load":
        load(int(sys.argv[2]))
    else:
        _postfix(*map(int, sys.argv[2:]))
