"""The service as a process: it follows the database, counts, and ends cleanly or not at all cleanly."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from portal.grants import dating
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.policy_service.models import CountedDay, DailyUse, SenderUse
from portal.policy_service.selectors import usage_of
from relay.models import RelayPermission
from tests.cast import SENDER, Cast, approved
from tests.support.clock import Stopwatch
from tests.support.milter import verdict
from tests.support.policy import Asker, PolicyService

pytestmark = pytest.mark.django_db(transaction=True)
COPIER = "129.118.10.20"


def unlimited(grant: Grant) -> Grant:
    """The grant without a volume, before the service reads it."""
    RelayPermission.objects.filter(grant=grant).update(peak_per_hour=None, per_day=None)
    return grant


@pytest.fixture
def service(tmp_path: Path) -> "PolicyService":
    return PolicyService(tmp_path, "--batch-seconds", "0.3")


def test_a_grant_is_followed_from_its_approval_to_its_revocation(cast: Cast, service: PolicyService) -> None:
    with service:
        refused = service.ask(client_address=COPIER)
        assert refused is not None
        assert refused.startswith("REJECT 5.7.1 No relay permission for this system")
        grant = approved(cast)
        wanted = f"PREPEND X-TechMail-Grant: {grant.reference}"
        taken = service.until(lambda: service.ask(client_address=COPIER) == wanted, "The approval")
        assert taken < 1.0
        managing.change_state(
            grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Sent spam."
        )
        taken = service.until(
            lambda: "was revoked" in (service.ask(client_address=COPIER) or ""), "The revocation"
        )
        assert taken < 1.0


def test_a_date_in_doubt_holds_lapses_alone_and_a_revocation_acts_at_once(
    cast: Cast, service: PolicyService
) -> None:
    """As after a jump of ten days: for the service's clock it is today, and for all before it was ten days ago."""
    today = timezone.localdate()
    addresses = ("129.118.10.21", "129.118.10.22", "129.118.10.23")
    ending, over, revoked = (
        approved(cast, address=address, host=f"host-{address[-2:]}.ttu.edu") for address in addresses
    )
    for grant, days in ((ending, 5), (over, 20)):
        Grant.objects.filter(pk=grant.pk).update(
            starts_on=today - timedelta(days=100), ends_on=today - timedelta(days=days)
        )
    dating.trust(today - timedelta(days=10))

    def said(address: str) -> str:
        by_header = verdict(address, service.milter_port, SENDER, ("From", SENDER))
        by_policy = (service.ask(client_address=address) or "").split()[0]
        assert (by_policy == "REJECT") == by_header.startswith("550"), (by_policy, by_header)
        return by_policy

    with service:
        assert [said(address) for address in addresses] == ["PREPEND", "REJECT", "PREPEND"]
        assert "The date jumped" in service.log
        managing.change_state(grant=revoked, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
        service.until(lambda: said(addresses[2]) == "REJECT", "The revocation", 5)
        assert said(addresses[0]) == "PREPEND"
        dating.trust(today)  # An administrator confirmed the date.
        service.until(lambda: said(addresses[0]) == "REJECT", "The confirmed date", 5)


def test_counts_are_written_in_batches_and_the_last_one_at_the_end(
    cast: Cast, service: PolicyService
) -> None:
    grant = approved(cast)
    with service:
        with Asker(service.port) as postfix:
            for number in range(3):
                for recipient in ("dean@ttu.edu", "clerk@ttu.edu"):
                    postfix.ask(client_address=COPIER, instance=f"i{number}", recipient=recipient)
            postfix.ask(client_address=COPIER, sender="president@ttu.edu", instance="i4")
            postfix.ask(client_address=COPIER, sender="", instance="i5")
        service.until(DailyUse.objects.exists, "The first batch")
        service.ask(client_address=COPIER, instance="i6")
        assert service.stop() == 0
    row = DailyUse.objects.get()
    assert (row.grant, row.day, row.accepted, row.refused) == (grant, timezone.localdate(), 4, 2)
    assert {use.sender: (use.accepted, use.refused) for use in SenderUse.objects.all()} == {
        SENDER: (4, 0),
        "president@ttu.edu": (0, 1),
        "": (0, 1),
    }
    usage = usage_of(grant)
    assert usage is not None
    assert (usage.accepted, usage.refused, usage.uncounted_days) == (4, 2, 0)
    assert CountedDay.objects.count() == 1
    assert "Traceback" not in service.log


def test_kill_minus_9_loses_one_batch_at_most(cast: Cast, service: PolicyService) -> None:
    unlimited(approved(cast))
    with service:
        asked = 0
        with Asker(service.port) as postfix:
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                asked += postfix.ask(client_address=COPIER, instance=f"i{asked}") is not None
            recent, watch = asked, Stopwatch()

            def is_written() -> bool:
                nonlocal asked
                asked += postfix.ask(client_address=COPIER, instance=f"i{asked}") is not None
                return DailyUse.objects.filter(accepted__gte=recent).exists()

            service.until(is_written, "The batch")
            assert watch.seconds < 0.8  # two batches and a write
        service.kill()
        assert service.ask(client_address=COPIER) is None
    written = DailyUse.objects.get().accepted
    assert recent <= written <= asked
    with service:
        assert (service.ask(client_address=COPIER) or "").startswith("PREPEND")
        assert service.stop() == 0
    assert DailyUse.objects.get().accepted == written + 1
