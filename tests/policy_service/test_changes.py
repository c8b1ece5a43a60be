"""The change serial misses no change, whichever transaction commits first; and the page shows what was counted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.grants.models import Grant, GrantEvent
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.institution import institution
from portal.policy_service import changes
from portal.policy_service.changes import ChangeSerial, all_rules, rules_for
from portal.policy_service.decisions import PolicyOutcome
from portal.policy_service.models import CountedDay, DailyUse, SenderUse
from portal.policy_service.selectors import usage_of
from portal.policy_service.services import MOST_SENDERS, prune, write_batch
from portal.policy_service.tallies import Batch
from tests.cast import ADDRESS, SENDER, Cast, approved, client_of

IDLE_DAYS = institution().idle_days


@contextmanager
def open_elsewhere(grant: Grant) -> Iterator[threading.Event]:
    """Another connection that has written an event and not committed it; it commits when the event is set."""
    written, commit = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            GrantEvent.objects.create(grant=grant, action="hold")
            written.set()
            commit.wait(60)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert written.wait(60)
    yield commit
    commit.set()
    other.join()


@pytest.mark.django_db
def test_every_change_is_seen_once(cast: Cast) -> None:
    serial = ChangeSerial()
    serial.start()
    assert serial.changed_grants() == set()
    grant = approved(cast)
    assert serial.changed_grants() == {grant.pk}
    assert serial.changed_grants() == set()
    managing.change_state(grant=grant, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="A look.")
    assert serial.changed_grants() == {grant.pk}
    rule = rules_for([grant.pk, 0])[grant.pk]
    assert rule is not None
    assert (rule.state, rule.networks, rule.senders) == ("suspended", (ip_network(ADDRESS),), (SENDER,))
    assert rules_for([0]) == {0: None}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_begun", [False, True], ids=["started meanwhile", "started before"])
def test_a_transaction_that_commits_late_is_not_missed(cast: Cast, postgres: None, is_begun: bool) -> None:
    early, late = approved(cast), approved(cast, address="129.118.10.30", host="copier-8.ttu.edu")
    serial = ChangeSerial()
    if is_begun:
        serial.start()
    with open_elsewhere(late) as commit:
        GrantEvent.objects.create(grant=early, action="hold")  # a higher number, committed first
        if not is_begun:
            serial.start()
        assert serial.changed_grants() == ({early.pk} if is_begun else set())
        commit.set()
    assert serial.changed_grants() == {late.pk}
    assert serial.changed_grants() == set()


@pytest.mark.django_db
def test_a_number_that_was_rolled_back_is_given_up(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = approved(cast)
    serial = ChangeSerial()
    serial.start()
    top = GrantEvent.objects.latest("pk").pk
    GrantEvent.objects.create(pk=top + 4, grant=grant, action="hold")
    assert serial.changed_grants() == {grant.pk}
    assert set(serial._missing) >= {top + 1, top + 2, top + 3}
    monkeypatch.setattr(changes, "GIVEN_UP_AFTER_SECONDS", 0.0)
    serial.changed_grants()
    assert serial._missing == {}


@pytest.mark.django_db
def test_loading_takes_the_same_number_of_queries_for_any_number_of_grants(
    cast: Cast,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            found = list(all_rules())
        assert len(found) == Grant.objects.count()
        return len(captured)

    approved(cast)
    one = queries()
    approved(cast, address="129.118.10.30", host="copier-8.ttu.edu")
    approved(cast, address="129.118.10.31", host="copier-9.ttu.edu")
    assert queries() == one


# ---------------------------------------------------------------- what was counted
def counted(grant: Grant, days_ago: int, *, accepted: int = 1) -> None:
    """A batch written so many days ago; the service counted on every day since."""
    today = timezone.localdate()
    for offset in range(days_ago + 1):
        CountedDay.objects.get_or_create(day=today - timedelta(days=offset))
    if accepted:
        at = timezone.now() - timedelta(days=days_ago)
        DailyUse.objects.create(
            grant=grant, day=today - timedelta(days=days_ago), accepted=accepted, last_at=at
        )


@pytest.mark.django_db
def test_batches_add_up(cast: Cast) -> None:
    grant, today = approved(cast), timezone.localdate()
    for number in range(2):
        batch = Batch()
        batch.count(grant.pk, today, SENDER, PolicyOutcome.ACCEPTED, 1_800_000_000.0 - number)
        batch.count(
            grant.pk, today, "pre\x00si\ndent@ttu.edu", PolicyOutcome.REFUSED, 1_800_000_000.5 - number
        )
        batch.count(grant.pk, today, SENDER, PolicyOutcome.DEFERRED, 1_800_000_001.0 - number)
        batch.count(
            grant.pk + 999, today, SENDER, PolicyOutcome.ACCEPTED, 1_800_000_001.0
        )  # a grant that is gone
        write_batch(batch=batch)
    row = DailyUse.objects.get()
    assert (row.accepted, row.refused, row.deferred, row.last_at.timestamp()) == (2, 2, 2, 1_800_000_001.0)
    usage = usage_of(grant)
    assert usage is not None
    assert [(use.sender, use.accepted) for use in usage.senders] == [(SENDER, 2)]
    assert [(use.sender, use.refused) for use in usage.strangers] == [("pre si dent@ttu.edu", 2)]


@pytest.mark.django_db
def test_a_client_that_tries_names_fills_neither_memory_nor_table(cast: Cast) -> None:
    grant, today = approved(cast), timezone.localdate()
    for part in range(30):
        batch = Batch()
        for number in range(1000):
            batch.count(grant.pk, today, f"x{part}-{number}@ttu.edu", PolicyOutcome.REFUSED, 1_800_000_000.0)
        batch.count(grant.pk, today, SENDER, PolicyOutcome.ACCEPTED, 1_800_000_000.0)
        assert len(batch.senders[grant.pk]) <= 21
        write_batch(batch=batch)
    assert SenderUse.objects.count() <= MOST_SENDERS + 21
    assert SenderUse.objects.get(sender=SENDER).accepted == 30
    assert DailyUse.objects.get().refused == 30_000


@pytest.mark.django_db
def test_a_batch_that_could_not_be_written_is_kept() -> None:
    today = timezone.localdate()
    first, second = Batch(), Batch()
    first.count(1, today, SENDER, PolicyOutcome.ACCEPTED, 5.0)
    second.count(1, today, SENDER, PolicyOutcome.ACCEPTED, 4.0)
    second.count(2, today, "", PolicyOutcome.REFUSED, 6.0)
    first.add(second)
    assert (first.days[1, today].accepted, first.days[1, today].last_at) == (2, 5.0)
    assert first.senders[1][SENDER].accepted == 2
    assert first.senders[2][""].refused == 1


@pytest.mark.django_db
def test_no_mail_for_180_days_is_said_only_where_it_is_known(cast: Cast) -> None:
    grant = approved(cast)
    assert usage_of(grant) is None  # no service has ever counted
    Grant.objects.filter(pk=grant.pk).update(starts_on=timezone.localdate() - timedelta(days=300))
    grant.refresh_from_db()
    counted(grant, IDLE_DAYS - 1, accepted=0)
    usage = usage_of(grant)
    assert usage is not None
    assert not usage.is_idle
    counted(grant, IDLE_DAYS, accepted=0)
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert f"No mail for {IDLE_DAYS} days" in page
    assert "No message has passed since" in page
    counted(grant, 20)
    usage = usage_of(grant)
    assert usage is not None
    assert (usage.is_idle, usage.accepted, usage.uncounted_days) == (False, 1, 0)
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "No mail for" not in page
    assert "Messages passed" in page
    CountedDay.objects.filter(day__gt=timezone.localdate() - timedelta(days=7)).delete()
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "Nothing was counted on 7 of these days" in page


@pytest.mark.django_db
def test_old_days_are_forgotten(cast: Cast) -> None:
    grant = approved(cast)
    counted(grant, 401)
    counted(grant, 400)
    prune(today=timezone.localdate())
    assert DailyUse.objects.count() == 1
    assert CountedDay.objects.count() == 401


@pytest.mark.django_db
def test_a_sender_in_html_stays_text_on_the_page(cast: Cast) -> None:
    grant = approved(cast)
    batch = Batch()
    batch.count(grant.pk, timezone.localdate(), "<script>@ttu.edu", PolicyOutcome.REFUSED, 1_800_000_000.0)
    write_batch(batch=batch)
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "&lt;script&gt;@ttu.edu" in page
