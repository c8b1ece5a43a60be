"""Renewals in a real browser: the owner's page, the reviewers' page, the results as they come."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect

from portal.renewals.models import BulkRun
from portal.renewals.services import deciding, filing
from portal.workflow.models import ServiceRequest
from tests.cast import Cast
from tests.renewals.conftest import counted, ending_grant, green_renewal
from tests.support.browser import assert_accessible, sign_in
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)


def used_renewal(cast: Cast, names: DnsServer, number: int) -> ServiceRequest:
    grant = ending_grant(cast, names, number)
    counted(grant, days=250, accepted_days_ago=number)
    return filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision)


def test_a_renewal_from_one_click_to_its_row(
    cast: Cast, names: DnsServer, live_server: Any, browser: Any, settings: Any
) -> None:
    # So many systems of one owner would together pass the limit, and none of them would be without a remark.
    settings.INSTITUTION = replace(settings.INSTITUTION, daily_volume_limit=100_000)
    grant = ending_grant(cast, names, 0)
    counted(grant, days=250, accepted_days_ago=9)
    moved = ending_grant(cast, names, 1)
    names.remove("copier-1.ttu.edu", "A")
    names.add("copier-1.ttu.edu", "A", "129.118.99.1")
    names.servfail("copier-2.ttu.edu")
    unknown = green_renewal(cast, names, 2)
    rows = [used_renewal(cast, names, number) for number in range(3, deciding.AT_ONCE + 4)]

    owner = sign_in(browser, live_server.url, cast.requester)
    owner.goto(f"/permissions/{moved.reference}/renew/")
    expect(owner.get_by_role("heading", name="What changed, or is not known")).to_be_visible()
    expect(owner.get_by_role("button", name="Confirm and renew")).to_have_count(0)
    assert_accessible(owner, "renewal-changed")
    owner.goto(f"/permissions/{grant.reference}/renew/")
    assert_accessible(owner, "renewal-unchanged")
    owner.get_by_role("button", name="Confirm and renew").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("We have your request")

    reviewer = sign_in(browser, live_server.url, cast.reviewer)
    reviewer.goto(unknown.get_absolute_url())
    assert_accessible(reviewer, "renewal-decision")
    reviewer.goto("/renewals/")
    reviewer.get_by_role("link", name="Choose all on this page").click()
    expect(reviewer.get_by_label("Choose TM-R-", exact=False).first).to_be_checked()
    assert_accessible(reviewer, "renewals")
    for row in rows:
        reviewer.get_by_label(f"Choose {row.reference}").uncheck()
    reviewer.get_by_label("Why are they approved?").fill("Nothing changed.")
    reviewer.get_by_role("button", name="Approve chosen").click()
    expect(reviewer.get_by_role("status").filter(has_text="approved")).to_contain_text("1 of 1 approved.")
    assert_accessible(reviewer, "renewal-results")

    run, _ = deciding._begin(
        cast.reviewer, uuid.uuid4(), "Same.", [(row.reference, row.revision) for row in rows]
    )
    reviewer.goto(run.get_absolute_url())
    expect(reviewer.get_by_text(f"0 of {len(rows)} decided").first).to_be_visible()
    assert_accessible(reviewer, "renewal-progress")
    deciding.carry_out(run.pk)
    expect(reviewer.get_by_role("status").filter(has_text="approved")).to_contain_text(
        f"{len(rows)} of {len(rows)}"
    )
    assert BulkRun.objects.filter(finished_at__isnull=True).count() == 0
