"""What the pages say of the From that recipients see: checked only on hosts that showed the milter a message."""

import time
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.policy_service.decisions import PolicyOutcome
from portal.policy_service.models import AuthorUse, CountedDay, DailyUse, MilterHost, SenderUse
from portal.policy_service.services import write_batch
from portal.policy_service.tallies import MOST_HOSTS, Batch
from tests.cast import SENDER, Cast, approved, client_of
from tests.support.browser import assert_accessible_in_both_schemes, sign_in

UNCHECKED = "The From that recipients see is not checked"


@pytest.mark.django_db
def test_the_pages_say_where_the_visible_from_is_checked_and_where_it_is_not(cast: Cast) -> None:
    grant = approved(cast)
    pages = ((client_of(cast.requester), grant.get_absolute_url()), (client_of(cast.admin), "/enforcement/"))
    for page, url in pages:
        assert UNCHECKED in page.get(url).content.decode()
    batch = Batch()
    batch.note_host("relay1.ttu.edu", time.time())
    write_batch(batch=batch)
    for page, url in pages:
        said = page.get(url).content.decode()
        assert UNCHECKED not in said
        assert "relay1.ttu.edu" in said
        assert "A mail host that is not listed here does not ask the milter" in said
    MilterHost.objects.update(last_at=timezone.now() - timedelta(days=31))
    for page, url in pages:
        assert UNCHECKED in page.get(url).content.decode()
    type(grant).objects.update(state="suspended")
    assert UNCHECKED not in pages[0][0].get(pages[0][1]).content.decode()


@pytest.mark.django_db
def test_what_is_taken_back_never_falls_below_nothing(cast: Cast) -> None:
    grant, today = approved(cast), timezone.localdate()
    first, later = Batch(), Batch()
    for _ in range(2):
        first.count(grant.pk, today, SENDER, PolicyOutcome.ACCEPTED, 1.0)
    first.take_back(grant.pk, today, SENDER)
    write_batch(batch=first)
    assert (DailyUse.objects.get().accepted, SenderUse.objects.get().accepted) == (1, 1)
    for _ in range(3):
        later.take_back(grant.pk, today, SENDER)
        later.count_refused(grant.pk, today, 2.0)
    later.take_back(grant.pk + 1, date(2020, 1, 1), "gone")
    failed = Batch()
    failed.add(later)
    write_batch(batch=failed)
    row = DailyUse.objects.get()
    assert (row.accepted, row.refused, SenderUse.objects.get().accepted) == (0, 3, 0)


def test_what_strangers_write_fills_no_memory_and_no_table() -> None:
    batch, other = Batch(), Batch()
    for number in range(500):
        batch.count_author(7, f"a{number}\0\n{'x' * 300}", PolicyOutcome.REFUSED, 1.0)
        batch.note_host(f"host{number}", 1.0)
    other.add(batch)
    assert len(other.authors[7]) == 20
    assert len(other.hosts) == MOST_HOSTS
    assert all(author.isprintable() and len(author) <= 254 for author in other.authors[7])


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_page_with_refused_authors_and_hosts(cast: Cast, live_server: Any, browser: Any) -> None:
    grant = approved(cast)
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(grant.get_absolute_url())
    assert_accessible_in_both_schemes(page, "checks-none")
    CountedDay.objects.create(day=timezone.localdate())
    batch, now = Batch(), time.time()
    for host in ("relay-for-research-computing-and-instruments-2.campus.ttu.edu", "relay1.ttu.edu"):
        batch.note_host(host, now)
    for author in (
        "president@ttu.edu",
        "Lab <a-very-long-address-that-nobody-would-type@colleges.ttu.edu> | b",
        "",
    ):
        batch.count_refused(grant.pk, timezone.localdate(), now)
        batch.count_author(grant.pk, author, PolicyOutcome.REFUSED, now)
    write_batch(batch=batch)
    assert AuthorUse.objects.count() == 3
    page.goto(grant.get_absolute_url())
    said = page.content()
    assert "Refused because of From" in said
    assert "No From" in said
    assert_accessible_in_both_schemes(page, "checks")
