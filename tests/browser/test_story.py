"""The whole relay story in a real browser, from the guide to a permission that was renewed."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from playwright.sync_api import Browser, Page, expect

from portal.enforcement.services import publish
from portal.grants.models import Grant
from portal.grants.services import dates
from portal.outbox.models import Notification
from portal.workflow.models import ServiceRequest
from tests.cast import ADDRESS, HOST, SENDER, Cast
from tests.support.browser import assert_accessible, sign_in
from tests.support.dns_server import DnsServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def ask_for_relay(page: Page) -> str:
    """From the guide to the receipt; returns the reference."""
    page.goto("/new/")
    page.get_by_label("Let a printer, server").check()
    go_on(page)
    page.get_by_label("Yes, it has a fixed address").check()
    go_on(page)
    page.get_by_label("A copier or scanner").check()
    go_on(page)
    page.get_by_role("button", name="Begin the request").click()
    expect(page.get_by_label("A copier or scanner")).to_be_checked()
    page.get_by_label("It cannot sign in").check()
    go_on(page)

    page.get_by_label("IP address 1").fill("129.118.010.9")
    expect(page.locator("#id_addresses_live")).to_contain_text("octal")
    page.get_by_label("IP address 1").fill(ADDRESS)
    expect(page.locator("#id_addresses_live")).to_contain_text("is on TTUnet")
    page.get_by_label("Host name").fill(HOST)
    assert_accessible(page, "form-network")
    go_on(page)

    page.get_by_label("Sender address 1").fill("nobody-knows@ttu.edu")
    expect(page.locator("#id_senders_live")).to_contain_text("does not know")
    go_on(page)
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    assert_accessible(page, "form-senders-error")
    page.get_by_label("Sender address 1").fill(SENDER)
    expect(page.locator("#id_senders_live")).to_contain_text("valid sender")
    go_on(page)

    page.get_by_label("Addresses of our own mail domain only").check()
    page.get_by_label("Messages on a typical day").fill("20")
    page.get_by_label("Most messages in one hour").fill("10")
    page.get_by_label("Most recipients of one message").fill("1")
    page.get_by_label("Nothing confidential").check()
    page.get_by_role("group", name=re.compile("encrypt")).get_by_label("Yes").check()
    go_on(page)
    page.get_by_label("What is it for?").fill("The copier mails scans to the person who scanned.")
    go_on(page)
    page.get_by_label("Who can be reached").fill("Riley, 555 0100")
    page.get_by_label("I administer this system").check()
    go_on(page)

    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    assert_accessible(page, "answers")
    page.get_by_role("button", name="Submit the request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your request")
    assert_accessible(page, "receipt")
    found = re.search(r"TM-R-\d+", page.inner_text("main"))
    assert found
    return found.group()


def test_from_the_guide_to_a_grant_and_its_renewal(
    names: DnsServer, browser: Browser, live_server: Any, cast: Cast, tmp_path: Path
) -> None:
    staff = sign_in(browser, live_server.url, cast.requester)
    reviewer = sign_in(browser, live_server.url, cast.reviewer)
    reference = ask_for_relay(staff)

    reviewer.goto("/queue/")
    assert_accessible(reviewer, "queue")
    reviewer.get_by_role("link", name=reference).click()
    expect(reviewer.get_by_role("heading", level=1)).to_contain_text(HOST)
    reviewer.get_by_role("button", name="Take request").click()
    assert_accessible(reviewer, "request-review")
    reviewer.locator("summary", has_text="Ask a question").click()
    reviewer.get_by_label("About which answer?").select_option("hostname")
    reviewer.get_by_label("What do you need to know?").fill("Is this the new copier?")
    reviewer.get_by_role("button", name="Ask a question").click()
    expect(reviewer.locator("main")).to_contain_text("The question is sent")

    staff.goto(f"/requests/{reference}/")
    expect(staff.locator("main")).to_contain_text("Is this the new copier?")
    assert_accessible(staff, "request-question")
    staff.get_by_role("link", name="Answer", exact=True).click()
    staff.get_by_role("link", name=re.compile("Change where it is", re.IGNORECASE)).click()
    staff.get_by_label("Host name").fill("copier-8.ttu.edu")
    go_on(staff)
    staff.get_by_label("Is this the new copier?").fill("Yes, and it has a new name.")
    staff.get_by_role("button", name="Send it back to review").click()

    reviewer.goto(f"/requests/{reference}/")
    expect(reviewer.locator("main")).to_contain_text("Yes, and it has a new name.")
    expect(reviewer.locator("del").first).to_have_text(HOST)
    reviewer.locator("summary", has_text="Approve").click()
    reviewer.get_by_label("Why is it approved?").fill("A copier on campus with a valid sender.")
    reviewer.get_by_role("button", name="Approve").click()
    expect(reviewer.locator("main")).to_contain_text(f"{reference} is approved")
    assert_accessible(reviewer, "request-decided")

    staff.goto("/permissions/mine/")
    assert_accessible(staff, "grants")
    staff.get_by_role("link", name=reference).click()
    expect(staff.locator("main")).to_contain_text("Active")
    assert_accessible(staff, "grant")
    publish(folder=tmp_path)
    assert ADDRESS in (tmp_path / "postfix" / "relay_clients.cidr").read_text()
    grant = Grant.objects.get()
    _a_year_passes(grant)
    _renew(browser, live_server, cast, grant)


def _a_year_passes(grant: Grant) -> None:
    start = datetime.fromisoformat(f"{grant.starts_on}T15:00:00+00:00")
    for day in range((grant.ends_on - grant.starts_on).days - 20):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            today = (start + timedelta(days=day)).date()
            dates.send_reminders(today=today)
            dates.lapse_grants(today=today)
    reminders = Notification.objects.filter(
        unique_key__startswith="grant_reminder", recipient=grant.owner.email
    )
    assert reminders.count() == 2  # at 60 and at 30 days


def _renew(browser: Browser, live_server: Any, cast: Cast, grant: Grant) -> None:
    with time_machine.travel(f"{grant.ends_on - timedelta(days=10)}T15:00:00+00:00", tick=True):
        staff = sign_in(browser, live_server.url, cast.requester)
        staff.goto(f"/permissions/{grant.reference}/")
        staff.get_by_role("link", name="Renew it").click()
        expect(staff.get_by_role("button", name="Confirm and renew")).to_be_visible()
        staff.get_by_role("button", name="Change something first").click()
        expect(staff.get_by_role("heading", level=1)).to_have_text("Check your answers")
        staff.get_by_role("link", name="Your statement", exact=True).click()
        staff.get_by_label("I administer this system").check()
        go_on(staff)
        staff.get_by_role("button", name="Submit the request").click()
        expect(staff.get_by_role("heading", level=1)).to_have_text("We have your request")
        renewal = ServiceRequest.objects.latest("pk")
        assert [stage.key for stage in renewal.kind_entry.route(renewal)] == ["renewal"]
    after = grant.ends_on + timedelta(days=5)
    dates.lapse_grants(today=after)
    assert Grant.objects.get().is_in_force(after)
