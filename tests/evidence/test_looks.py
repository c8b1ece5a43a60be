"""The evidence in a real browser: pictures, then and now, checking again with progress, and without JavaScript."""

from typing import Any

import pytest
from django.utils import timezone

from portal.grants.services import rechecking
from portal.workflow.services import checking
from tests.cast import Cast, fresh
from tests.senders.cast import active, submitted
from tests.support.browser import assert_accessible, assert_accessible_in_both_schemes, picture, sign_in
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
TREE = {"envelope_domain": "bounce.crm.ttu.edu", "spf_term": "include:spf.crmvendor.example"}
KEYS = ("s1 s1.dkim.crmvendor.example", "revoked s1.dkim.crmvendor.example", "new s1.dkim.crmvendor.example")


def broken(names: DnsServer) -> None:
    """An SPF record behind the envelope domain that costs too much, two levels down."""
    names.remove("bounce.crm.ttu.edu", "TXT")
    names.txt("bounce.crm.ttu.edu", "v=spf1 ip4:192.0.2.0/24 include:mail.example include:gone.example -all")
    names.txt("mail.example", "v=spf1 include:deep.example mx ~all")
    names.txt(
        "deep.example",
        "v=spf1 a:h1.example a:h2.example a:h3.example a:h4.example a:h5.example exists:h.example -all",
    )


def test_the_evidence_of_a_request_in_review(
    published: DnsServer, cast: Cast, live_server: Any, browser: Any
) -> None:
    broken(published)
    request = submitted(cast, keys=KEYS, **TREE)
    published.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    checking.recheck(service_request=request, actor=cast.reviewer)
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto(request.get_absolute_url())
    page.evaluate("document.querySelectorAll('details.fold').forEach((fold) => { fold.open = true; })")
    assert_accessible_in_both_schemes(page, "evidence-review")


def test_the_records_then_and_now_after_the_decision(
    published: DnsServer, cast: Cast, live_server: Any, browser: Any
) -> None:
    grant = active(cast)
    published.remove("s1.dkim.crmvendor.example", "TXT")
    published.txt("s1.dkim.crmvendor.example", "v=DKIM1; k=rsa; p=")
    page = sign_in(browser, live_server.url, cast.requester)
    rechecking.recheck_grants(today=timezone.localdate())
    page.goto(grant.get_absolute_url())
    assert page.locator(".key-way").count() == 1
    assert_accessible_in_both_schemes(page, "evidence-drift")
    page.get_by_role("link", name="Records then and now").click()
    page.get_by_role("button", name="Check how it stands now").click()
    page.get_by_role("heading", name="Then and now").wait_for()
    assert page.locator(".differences .key-way").count() == 1
    assert_accessible_in_both_schemes(page, "evidence-after")


def test_checking_again_swaps_the_evidence_alone_and_keeps_the_focus(
    published: DnsServer, cast: Cast, live_server: Any, browser: Any
) -> None:
    request = submitted(cast)
    published.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    published.remove("s1.dkim.crmvendor.example", "TXT")
    published.delay = 0.3
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto(request.get_absolute_url())
    page.get_by_text("Add a comment").or_(page.locator("#id_comment-comment")).first.fill("Half a thought")
    assert page.locator("#barred").inner_text() == ""
    button = page.get_by_role("button", name="Check again")
    button.click()
    page.locator("#checking progress").wait_for(state="visible")
    picture(page, "evidence-progress")
    page.get_by_text("has no key. Ask the vendor").first.wait_for()
    assert page.locator("#checking").is_hidden()
    assert page.evaluate("document.activeElement.id") == "check-again"
    assert "The checks ran again" in page.locator("#evidence-said").inner_text()
    assert "1 must-clause not met" in page.locator("#barred").inner_text()
    assert "ran the checks again" in page.locator("#happened").inner_text()
    assert page.locator("#id_comment-comment").input_value() == "Half a thought"
    assert fresh(request).blocking_findings == 1


def test_too_often_is_said_in_place(published: DnsServer, cast: Cast, live_server: Any, browser: Any) -> None:
    request = submitted(cast)
    for _ in range(checking.OF_ONE_REQUEST.times):
        checking.recheck(service_request=request, actor=cast.reviewer)
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto(request.get_absolute_url())
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("Try again in").wait_for()
    assert_accessible(page, "evidence-too-often")


def test_all_of_it_works_without_javascript(
    published: DnsServer, cast: Cast, live_server: Any, browser: Any
) -> None:
    request = submitted(cast)
    published.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    page = sign_in(browser, live_server.url, cast.reviewer, java_script_enabled=False)
    page.goto(request.get_absolute_url())
    page.get_by_role("button", name="Check again").click()
    assert "What changed since the submission" in page.content()
    assert "The checks ran again" in page.content()
    assert page.url.endswith("#evidence")
