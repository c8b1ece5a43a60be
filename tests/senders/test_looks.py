"""The DNS records on screen, in a real browser: nothing axe objects to, nothing that scrolls sideways."""

from typing import Any

import pytest
from django.utils import timezone

from senders import watching
from senders.models import PlannedRecord
from tests.cast import Cast
from tests.senders.cast import waiting
from tests.support.browser import assert_accessible, sign_in
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "notifications-for-alumni-and-friends-of-the-college-of-arts-and-sciences.crm.ttu.edu"
LONG_TARGET = "selector-2026-november.dkim-authentication.customers.eu-central-1.crmvendor.example"


def test_the_screens_of_the_dns_team(cast: Cast, live_server: Any, browser: Any, names: DnsServer) -> None:
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto("/dns-records/")
    assert_accessible(page, "dns-empty")

    names.txt("_dmarc.crm.ttu.edu", "v=DMARC1; p=none; rua=mailto:dmarc@ttu.edu")
    names.add("old._domainkey.crm.ttu.edu", "CNAME", "s1.dkim.crmvendor.example.")
    grant = waiting(
        cast,
        keys=("s1 s1.dkim.crmvendor.example", "old s1.dkim.crmvendor.example"),
        service_name="Customer Relationship Management for Alumni, Friends and Donors of the University, Edition 2026",
        envelope_domain="bounce.crm.ttu.edu",
        spf_term="include:spf.crmvendor.example",
    )
    PlannedRecord.objects.create(
        authorization=grant.senders,
        purpose="key",
        name=f"{'selector' * 5}._domainkey.{LONG}",
        rdtype="CNAME",
        value=LONG_TARGET,
        dropped_at=timezone.now(),
    )
    watching.check_dns_records(today=timezone.localdate())
    PlannedRecord.objects.filter(value=LONG_TARGET).update(gone_at=None, is_there=True)
    unseen = waiting(cast, keys=("s2 s1.dkim.crmvendor.example",))
    PlannedRecord.objects.filter(authorization_id=unseen.pk, purpose="key").update(
        alarm="registrable",
        alarm_since=timezone.now(),
        doubted_at=timezone.now(),
        is_there=False,
        alarm_note=f"{LONG_TARGET} does not exist any more, and neither does crmvendor.example: whoever registers that "
        "domain could send as us.",
    )
    page.goto("/dns-records/")
    for heading in ("Stop: settle these first", "Alarms", "To add", "To remove", "In place"):
        assert page.get_by_role("heading", name=heading).count() == 1
    page.get_by_text("Show what stands as approved").click()
    assert_accessible(page, "dns-page")
    page.get_by_label("Name, value or permission").fill("crm.ttu.edu")
    page.get_by_label("List").select_option("to_add")
    page.get_by_role("button", name="Show", exact=True).click()
    assert page.get_by_role("heading", name="To add").count() == 1
    assert page.get_by_role("heading", name="To remove").count() == 0
    assert_accessible(page, "dns-page-filtered")
    for one, name in ((grant, "dns-grant"), (unseen, "dns-grant-alarm")):
        page.goto(one.get_absolute_url())
        assert_accessible(page, name)

    PlannedRecord.objects.update(alarm="", is_there=False)
    page.goto("/dns-records/")
    page.get_by_role("link", name="Confirm who holds it").click()
    assert_accessible(page, "dns-confirm")
    page.get_by_role("button", name="Confirm the vendor’s domain").click()
    assert_accessible(page, "dns-confirm-error")
    page.get_by_label("How do you know").fill("The vendor’s engineer, by telephone.")
    page.get_by_role("button", name="Confirm the vendor’s domain").click()
    assert "Confirmed." in page.inner_text("main")
