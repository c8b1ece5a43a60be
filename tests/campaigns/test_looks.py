"""The pages of the gate and the stamped letter in a real browser: readable by all, whole at any width, in print too."""

from typing import Any

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from campaigns import lists
from campaigns.models import ListUse
from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from tests.campaigns.cast import campaign_draft
from tests.campaigns.gated import FACULTY, STUDENTS, judge, of_department, sender_authorization, sending_now
from tests.campaigns.test_queue import large_relay_mail
from tests.cast import Cast
from tests.support.browser import assert_accessible, assert_accessible_in_both_schemes, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
LONG = "Maximiliane Featherstonehaugh-Wolfeschlegelsteinhausenbergerdorff"


def test_a_reviewer_sees_the_uses_and_allows_one_more_delivery(
    cast: Cast, live_server: LiveServer, browser: Any
) -> None:
    User.objects.filter(pk=cast.reviewer.pk).update(name=LONG)
    grant = sending_now(cast, people={"students": 32000, "faculty": 900})
    assert judge(STUDENTS) == ""
    assert judge(FACULTY, queue_id="4cQ2Xk1bz9zXAVeryLongQueueIdentifier") == ""
    released = ListUse.objects.get(list_address=FACULTY)
    lists.allow_again(
        use=released, actor=cast.second_reviewer, reason="The client vanished before it was queued."
    )
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto(grant.get_absolute_url())
    expect(page.get_by_text("May send now, until").first).to_be_visible()
    panel = page.get_by_role("heading", name="Large lists").locator("xpath=..")
    expect(panel).to_contain_text("as queue ID 4cQ2Xk1bz9zX, sent by 129.118.7.7")
    expect(panel).to_contain_text("Nothing passed yet")
    expect(panel).to_contain_text("The client vanished before it was queued.")
    assert_accessible(page, "gate-permission")
    panel.get_by_role("link", name=f"Allow one more delivery to {STUDENTS}").click()
    page.get_by_role("button", name="Allow one more delivery").click()
    expect(page.get_by_role("alert")).to_contain_text("needs an answer")
    assert_accessible(page, "gate-allow-again")
    page.get_by_label("Why may it be sent").fill("The queue was lost.")
    page.get_by_role("button", name="Allow one more delivery").click()
    expect(page.get_by_text(f"may be sent to {STUDENTS} once more")).to_be_visible()
    expect(page.get_by_role("heading", name="What happened").locator("xpath=..")).to_contain_text(
        "allowed one more delivery to a large list"
    )


def test_a_revoked_letter_is_stamped_on_the_page_and_on_paper(
    cast: Cast, live_server: LiveServer, browser: Any
) -> None:
    grant = sending_now(cast)
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.cio, reason="Complaints.")
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(f"/campaigns/{grant.reference}/letter/")
    stamp = page.get_by_role("note", name="Stamp")
    expect(stamp).to_contain_text("Revoked on")
    expect(stamp).to_contain_text("nothing may be sent")
    assert_accessible_in_both_schemes(page, "letter-revoked")
    page.emulate_media(media="print")
    expect(stamp).to_be_visible()
    assert stamp.evaluate("node => getComputedStyle(node).borderTopStyle") == "double"
    expect(page.get_by_text("To see whether this still applies:")).to_be_visible()


def test_the_form_names_the_lists_and_whom_to_ask(cast: Cast, live_server: LiveServer, browser: Any) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(name=LONG, department="Student Affairs")
    cast.outsider.refresh_from_db()
    of_department("Student Affairs", cast.outsider)
    theirs = sender_authorization(cast, cast.outsider)
    draft = campaign_draft(cast)
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(f"/requests/{draft.reference}/edit/audience/")
    expect(page.get_by_label("Students: how many?")).to_have_accessible_description(
        f"Mail to {STUDENTS}: the mail system passes on only the approved message, once."
    )
    assert_accessible(page, "campaign-audience-lists")
    page.goto(f"/requests/{draft.reference}/edit/sender/")
    page.get_by_label("Address in From").fill("news@mail.ttu.edu")
    page.get_by_label("A service with a sender authorization in force").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text(
        f"{theirs.reference} belongs to {LONG} of Student Affairs"
    )
    expect(page.get_by_label("Address in From")).to_have_value("news@mail.ttu.edu")
    assert_accessible(page, "campaign-sender-whom-to-ask")
    assert Grant.objects.filter(kind="campaign").count() == 0


def test_the_offices_queue_names_requests_of_other_kinds(
    cast: Cast, live_server: LiveServer, browser: Any
) -> None:
    request = large_relay_mail(
        cast,
        host="a-very-long-name-of-a-server-in-the-basement.of-building-42.biology.ttu.edu",
        department="Department of Biological Sciences and Natural History of the Llano Estacado",
    )
    page = sign_in(browser, live_server.url, cast.cio)
    page.goto("/campaigns/")
    expect(page.get_by_role("link", name=request.reference)).to_be_visible()
    assert_accessible(page, "office-queue")
