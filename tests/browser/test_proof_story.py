"""Proof instead of promises, in a real browser, on a real name server, with mail through the real receiver."""

import re
import smtplib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.samples.receiver import controller
from portal.samples.tasks import judge_sample
from senders.proving import recheck_unproven
from senders.watching import check_dns_records
from tests.cast import Cast
from tests.conftest import program
from tests.mailauth.signing import message, rsa_key, sign
from tests.support.browser import assert_accessible, sign_in
from tests.support.nsd import Nsd
from tests.support.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TESTS = Path(__file__).parents[1]
ZONES = [
    *(TESTS / "mailauth" / "zones" / f"{name}.zone" for name in ("edu", "example", "vendor.example")),
    *sorted((TESTS / "senders" / "zones").glob("*.zone")),
    *sorted((Path(__file__).parent / "zones").glob("*.zone")),
]
DOMAIN = "crm.ttu.edu"
SENDER = f"news@{DOMAIN}"
IP_SPELLINGS = [
    "192.0.2.1",
    "192.0.2.0/24",
    "3221225985",
    "0xC0000201",
    "0300.0000.0002.0001",
    "::ffff:192.0.2.1",
    "[192.0.2.1]",
    "notices@[192.0.2.1]",
    "notices@[IPv6:2001:db8::1]",
]


@pytest.fixture
def names(settings: Any, tmp_path: Path) -> Iterator[Nsd]:
    """NSD with the zones of the repository, and the vendors' keys made for the run."""
    with Nsd(program("nsd", "apt-get install nsd"), tmp_path, ZONES) as server:
        key = rsa_key().record
        server.txt("crmvendor.example", "s1.dkim", key)
        server.txt("crmvendor.example", "own._domainkey", key)
        server.txt("vendor.example", "run._domainkey", key)
        settings.DNS_RESOLVER = server.address
        settings.DNS_DEADLINE_SECONDS = 5.0
        yield server


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    """The receiver; the judgement runs at once, as by a worker that is not busy."""
    monkeypatch.setattr(judge_sample, "apply_async", lambda args, retry: judge_sample.run(*args))
    server = controller("127.0.0.1", free_port())
    server.start()
    yield server
    server.stop()


# ---------------------------------------------------------------- verbs
def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def receipt(page: Page) -> str:
    """From the last page of the form to the receipt; returns the reference."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    page.get_by_role("button", name="Submit the request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your request")
    found = re.search(r"TM-[IW]-\d+", page.inner_text("main"))
    assert found
    return found.group()


def approve(page: Page, reference: str) -> None:
    page.goto(f"/requests/{reference}/")
    page.locator("summary", has_text="Approve").click()
    page.get_by_label("Why is it approved?").fill("The evidence says so.")
    page.get_by_role("button", name="Approve").click()


def mail(receiver: Controller, page: Page, raw: bytes) -> None:
    """Send a message to the probe address that the page shows."""
    found = re.search(r"probe\+[0-9a-f]+@ttu\.edu", page.inner_text("main"))
    assert found
    with smtplib.SMTP("127.0.0.1", receiver.port, timeout=60) as client:
        assert client.sendmail("bounce@crmvendor.example", [found.group()], raw) == {}


def from_service(*, by: str, selector: str) -> bytes:
    return sign(message(f"News <{SENDER}>"), domain=by, selector=selector)


# ---------------------------------------------------------------- an authorization
def file_authorization(page: Page, cast: Cast, *, looks: bool = False) -> str:
    """From the guide to the receipt; returns the reference."""
    page.goto("/new/")
    page.get_by_label("Let a vendor’s service send as @ttu.edu").check()
    go_on(page)
    page.get_by_label("One of a subdomain").check()
    go_on(page)
    page.get_by_role("button", name="Begin the request").click()

    page.get_by_label("Service", exact=True).fill("ExampleCRM")
    page.get_by_label("Vendor", exact=True).fill("CRM Vendor Inc.")
    page.get_by_label("The vendor runs it for us").check()
    go_on(page)
    today = timezone.localdate()
    page.get_by_label("It is being drafted").check()
    page.get_by_label("Reference number").fill("PO 4711")
    page.get_by_label("Sponsor").fill(cast.sponsor.email)
    page.get_by_label("The contract begins on").fill(str(today))
    page.get_by_label("The contract ends on").fill(str(today + timedelta(days=400)))
    go_on(page)
    expect(page.get_by_label("A subdomain of ours")).to_be_checked()
    page.get_by_label(re.compile(r"^\s*Subdomain")).fill(DOMAIN)
    page.get_by_label("From address 1").fill(SENDER)
    page.get_by_label("Envelope domain").fill("bounce.crmvendor.example")
    go_on(page)
    page.get_by_label("Selector, and target or key 1").fill("s1 s1.dkim.crmvendor.example")
    expect(page.locator("#id_keys_live")).to_contain_text("not published yet")
    if looks:
        assert_accessible(page, "proof-form-dkim")
    go_on(page)
    page.get_by_label("Public", exact=True).check()
    page.get_by_label("How does it end?").fill("The owner tells the DNS team.")
    go_on(page)
    page.get_by_label("What is it for?").fill("News to alumni.")
    go_on(page)
    page.get_by_label("I understand: this service may send only").check()
    go_on(page)
    return receipt(page)


def dns_team_works_through(page: Page, names: Nsd) -> None:
    """Publish the lines of the change set exactly as the page gives them."""
    lines = page.get_by_role("region", name="DNS records to add").inner_text().strip().splitlines()
    assert len(lines) == 2
    names.publish("ttu.edu", *lines)


def dns_team_works_by_the_list(page: Page, names: Nsd) -> None:
    """Publish the additions exactly as the DNS team's file gives them, and let the portal look again."""
    check_dns_records(today=timezone.localdate())
    text = page.request.get("/dns-records/files/techmail_senders.zone").text()
    lines = [line for line in text.splitlines() if line and not line.startswith(";")]
    assert len(lines) == 2
    names.publish("ttu.edu", *lines)
    check_dns_records(today=timezone.localdate())
    page.goto("/dns-records/")
    expect(page.get_by_role("heading", name="In place (2)")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Nothing is to be added.")


def test_an_authorization_is_held_until_its_signature_is_seen(
    browser: Browser, live_server: Any, cast: Cast, names: Nsd, receiver: Controller
) -> None:
    staff = sign_in(browser, live_server.url, cast.requester)
    reviewer = sign_in(browser, live_server.url, cast.reviewer)
    reference = file_authorization(staff, cast, looks=True)

    staff.goto(f"/requests/{reference}/")
    staff.get_by_role("link", name="Samples and DNS records").click()
    expect(staff.locator("main")).to_contain_text("No sample yet")
    dns_team_works_through(staff, names)
    raw = from_service(by="crmvendor.example", selector="own")
    staff.get_by_label("Add a message").set_input_files(
        {"name": "sample.eml", "mimeType": "message/rfc822", "buffer": raw}
    )
    staff.get_by_role("button", name="Add it").click()
    expect(staff.locator("#sample-list")).to_contain_text("crmvendor.example, which is not aligned")
    assert_accessible(staff, "proof-samples-open")

    reviewer.goto(f"/requests/{reference}/")
    evidence = reviewer.locator("table.findings")
    expect(evidence.locator("tr", has_text="OVR-4").filter(has_text="which is not aligned")).to_be_visible()
    expect(evidence.locator("tr", has_text="OVR-4").filter(has_text="policy reject")).to_be_visible()
    expect(evidence.locator("tr", has_text="AUT-3").filter(has_text="2048")).to_be_visible()
    assert_accessible(reviewer, "proof-review")
    approve(reviewer, reference)
    expect(reviewer.locator("main")).to_contain_text(f"{reference} is approved")

    staff.goto(f"/permissions/{reference}/")
    expect(staff.locator("main")).to_contain_text("It comes into force by itself once")
    expect(staff.locator("main")).to_contain_text("which is not aligned")
    assert_accessible(staff, "proof-grant-unproven")
    staff.get_by_role("link", name="Samples and DNS records").click()
    mail(receiver, staff, from_service(by=DOMAIN, selector="s1"))
    # Nobody loads the page again: it looks for news by itself.
    expect(staff.locator("#sample-list")).to_contain_text("valid and aligned DKIM signature of crm.ttu.edu")
    expect(staff.locator("#samples-note")).to_contain_text("Proved by a message")
    assert_accessible(staff, "proof-samples-proved")
    grant = Grant.objects.get()
    assert (grant.state, grant.is_in_force_today) == (GrantState.ACTIVE, True)
    staff.goto(f"/permissions/{reference}/")
    expect(staff.locator("main")).to_contain_text("proof arrived; it is active")
    assert_accessible(staff, "proof-grant-active")


def test_a_vendor_that_signs_as_itself_alone_never_comes_into_force(
    browser: Browser, live_server: Any, cast: Cast, names: Nsd, receiver: Controller
) -> None:
    staff = sign_in(browser, live_server.url, cast.requester)
    reviewer = sign_in(browser, live_server.url, cast.reviewer)
    reference = file_authorization(staff, cast)
    approve(reviewer, reference)
    expect(reviewer.locator("main")).to_contain_text(f"{reference} is approved")
    dns_team_works_by_the_list(reviewer, names)
    staff.goto(f"/requests/{reference}/samples/")
    expect(staff.locator("main")).to_contain_text("In place")
    mail(receiver, staff, from_service(by="crmvendor.example", selector="own"))
    expect(staff.locator("#samples-note")).to_contain_text(
        "signed by crmvendor.example, which is not aligned"
    )
    assert recheck_unproven() == 0
    assert Grant.objects.get().state == GrantState.UNPROVEN
    staff.goto(f"/permissions/{reference}/")
    expect(staff.locator("main")).to_contain_text("signed by crmvendor.example, which is not aligned")
    expect(staff.locator("main")).not_to_contain_text("it is active")
    assert_accessible(staff, "proof-grant-never")


# ---------------------------------------------------------------- the whitelist
def begin_whitelist(page: Page) -> None:
    page.goto("/new/")
    page.get_by_label("Stop a vendor’s mail from being caught").check()
    go_on(page)
    page.get_by_label("A course, a team or a department").check()
    go_on(page)
    page.get_by_label("The vendor’s own, used for us only").check()
    go_on(page)
    page.get_by_role("button", name="Begin the request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The sender")


def finish_whitelist(page: Page, cast: Cast) -> str:
    """The pages after the sender's; returns the reference."""
    go_on(page)
    page.get_by_label("About how many people?").fill("240")
    page.get_by_label("Which ones?").fill("students of PHYS 1408")
    page.get_by_label("Why will safe senders not do?").fill("They change every term.")
    go_on(page)
    page.get_by_label("On which day was a message last caught?").fill(str(timezone.localdate()))
    page.get_by_label("To which address was it sent?").fill("requester@ttu.edu")
    page.get_by_label("It was put into the junk folder").check()
    go_on(page)
    page.get_by_label("Vendor", exact=True).fill("Vendor Inc.")
    page.get_by_label("What does it do for us?").fill("It runs the laboratory shop.")
    page.get_by_label("Sponsor").fill(cast.sponsor.email)
    page.get_by_label("How can we see that?").fill("Contract 2026-114")
    go_on(page)
    page.get_by_label("The vendor controls this address").check()
    page.get_by_label("The vendor uses it for mail to us only").check()
    page.get_by_label("Such services are under the vendor’s control").check()
    go_on(page)
    page.get_by_label("What is it for?").fill("Orders of the laboratory shop.")
    go_on(page)
    page.get_by_label("I understand: mail from this sender").check()
    go_on(page)
    return receipt(page)


def test_a_whitelist_entry_needs_dmarc_and_is_never_an_ip_address(
    browser: Browser, live_server: Any, cast: Cast, names: Nsd, receiver: Controller
) -> None:
    staff = sign_in(browser, live_server.url, cast.requester)
    reviewer = sign_in(browser, live_server.url, cast.reviewer)
    begin_whitelist(staff)
    for number, text in enumerate(IP_SPELLINGS, start=1):
        row = staff.get_by_label(f"Sender address {number}", exact=True)
        if not row.count():
            staff.get_by_role("button", name="Add an address").click()
        row.fill(text)
    go_on(staff)
    expect(staff.get_by_role("alert")).to_contain_text("There is a problem")
    for number, text in enumerate(IP_SPELLINGS, start=1):
        said = staff.locator("main").get_by_text(f"Row {number}: WHT-4: IP addresses are never whitelisted")
        expect(said.last).to_be_visible()
        expect(staff.get_by_label(f"Sender address {number}", exact=True)).to_have_value(text)
    assert_accessible(staff, "proof-whitelist-ip")

    begin_whitelist(staff)
    staff.get_by_label("Sender address 1", exact=True).fill("notices@vendor.example")
    expect(staff.locator("#id_addresses_live")).to_contain_text("policy quarantine")
    reference = finish_whitelist(staff, cast)
    staff.goto(f"/requests/{reference}/samples/")
    raw = sign(message("Shop <notices@vendor.example>"), domain="vendor.example", selector="run")
    mail(receiver, staff, raw)
    expect(staff.locator("#sample-list")).to_contain_text("Pass")
    assert_accessible(staff, "proof-whitelist-samples")
    reviewer.goto(f"/requests/{reference}/")
    rows = reviewer.locator("table.findings tr", has_text="WHT-3")
    expect(rows.filter(has_text="A real message passes DMARC")).to_be_visible()
    assert_accessible(reviewer, "proof-whitelist-review")
    approve(reviewer, reference)
    expect(reviewer.locator("main")).to_contain_text(f"{reference} is approved")
    assert Grant.objects.get().is_in_force_today

    begin_whitelist(staff)
    staff.get_by_label("Sender address 1", exact=True).fill("notices@bare.example")
    expect(staff.locator("#id_addresses_live")).to_contain_text("bare.example has no DMARC record")
    reference = finish_whitelist(staff, cast)
    approve(reviewer, reference)
    expect(reviewer.get_by_role("alert")).to_contain_text("WHT-3 is not met")
    assert_accessible(reviewer, "proof-whitelist-barred")
    assert Grant.objects.count() == 1
