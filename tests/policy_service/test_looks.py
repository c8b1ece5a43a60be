"""The grant's page with its mail, in a real browser: readable by all, whole at any width, in either scheme."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from portal.grants.models import Grant
from portal.policy_service.decisions import PolicyOutcome
from portal.policy_service.models import CountedDay
from portal.policy_service.services import write_batch
from portal.policy_service.tallies import Batch
from tests.cast import SENDER, Cast, approved
from tests.support.browser import assert_accessible_in_both_schemes, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_the_grants_page_shows_its_mail(cast: Cast, live_server: LiveServer, browser: Any) -> None:
    grant = approved(cast)
    begun = timezone.localdate() - timedelta(days=250)
    Grant.objects.filter(pk=grant.pk).update(starts_on=begun)
    CountedDay.objects.bulk_create(CountedDay(day=begun + timedelta(days=n)) for n in range(240))
    old, batch = begun + timedelta(days=20), Batch()
    for number in range(1234):
        at = (timezone.now() - timedelta(days=230)).timestamp()
        outcome = PolicyOutcome.DEFERRED if number % 50 == 0 else PolicyOutcome.ACCEPTED
        batch.count(grant.pk, old, SENDER, outcome, at)
    batch.count(grant.pk, old, "president@ttu.edu", PolicyOutcome.REFUSED, at)
    batch.count(grant.pk, old, "", PolicyOutcome.REFUSED, at)
    write_batch(batch=batch)
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(grant.get_absolute_url())
    panel = page.get_by_role("heading", name="Its mail", exact=True).locator("xpath=..")
    expect(panel).to_contain_text("No mail for 180 days")
    expect(panel).to_contain_text("1,209")
    expect(panel).to_contain_text("president@ttu.edu")
    expect(panel).to_contain_text("Nothing was counted on 10 of these days")
    assert_accessible_in_both_schemes(page, "grant-mail")
