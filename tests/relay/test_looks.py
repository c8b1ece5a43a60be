"""The pages about volume, cuts, mailboxes and connecting, in a real browser, with the longest names there are."""

from typing import Any

import pytest

from portal.accounts.models import DirectoryAddress
from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering, requesting, reviewing
from relay.models import RelayRequest
from tests.cast import Cast, fresh
from tests.relay.test_volume import MAIL, drafted, filed
from tests.support.browser import assert_accessible, picture, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
LONG = f"{'department-of-biological-sciences-notifications-of-orders-'[:58]}@ttu.edu"
HOST = "a-very-long-name-of-a-server-in-the-basement.of-building-42.biology.ttu.edu"
DEPARTMENT = "Department of Biological Sciences and Natural History of the Llano Estacado"


def long_draft(cast: Cast, **columns: Any) -> ServiceRequest:
    DirectoryAddress.objects.get_or_create(address=LONG, department=DEPARTMENT, owner=cast.colleague.email)
    draft = drafted(cast, hostname=HOST, **columns)
    answering.write_answers(service_request=draft, answers={"senders": [LONG, "noreply-lab@ttu.edu"]})
    draft = fresh(draft)
    title, subject = draft.kind_entry.summarise(draft)
    ServiceRequest.objects.filter(pk=draft.pk).update(title=title, subject_key=subject)
    return fresh(draft)


def test_what_the_requester_sees(cast: Cast, live_server: Any, browser: Any) -> None:
    draft = long_draft(cast, most_per_day=6000)
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(f"/requests/{draft.reference}/edit/mail/")
    page.locator("[name=most_per_day]").fill("7000")
    page.locator("[name=most_per_day]").blur()
    page.locator("#id_most_per_day_live").get_by_text("large-volume mail").wait_for()
    page.get_by_label("Health information (PHI)").check()
    page.locator("[name=tls][value=no]").check()
    page.get_by_text("without encryption to the relay").first.wait_for()
    assert_accessible(page, "relay-mail")
    page.goto(f"/requests/{draft.reference}/edit/senders/")
    assert_accessible(page, "relay-senders")
    page.goto(f"/requests/{draft.reference}/answers/")
    assert page.get_by_text("Office of the CIO, within").is_visible()
    assert_accessible(page, "relay-answers")


def test_what_the_owner_of_a_mailbox_is_asked(cast: Cast, live_server: Any, browser: Any) -> None:
    draft = long_draft(cast)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    sender = RelayRequest.of(fresh(draft)).senders.get(address=LONG)
    page = sign_in(browser, live_server.url, cast.colleague)
    page.goto(f"/relay/consent/{sender.pk}/")
    assert_accessible(page, "relay-consent")
    page.get_by_role("button", name="I agree").click()
    page.get_by_text("You agreed on").wait_for()


def test_a_cut_from_the_decision_to_the_permission(cast: Cast, live_server: Any, browser: Any) -> None:
    request = filed(cast, most_per_day=6000, external_per_day=MAIL["external_per_day"])
    reviewing.advance(service_request=request, actor=cast.reviewer, revision=request.revision)
    page = sign_in(browser, live_server.url, cast.cio)
    page.goto(request.get_absolute_url())
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    page.locator("[name=approve-keep_recipients][value=domains]").check()
    page.locator("[name=approve-domains]").fill("not a domain")
    page.locator("[name=approve-most_per_day]").fill("900000")
    page.locator("[name=approve-comment]").fill("Enough for what it does.")
    picture(page, "relay-decision")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_text("which is what was asked for").first.wait_for()
    assert_accessible(page, "relay-decision-refused")
    page.locator("[name=approve-domains]").fill(f"{'long-' * 11}name.example\nexample.org")
    page.locator("[name=approve-most_per_day]").fill("900")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("heading", name="Cut by the reviewer").wait_for()
    assert_accessible(page, "relay-request-cut")
    grant = Grant.objects.get(request=request)
    owner = sign_in(browser, live_server.url, cast.requester)
    owner.goto(grant.get_absolute_url())
    assert owner.get_by_role("heading", name="How to connect").is_visible()
    assert owner.get_by_role("heading", name="Cut by the reviewer").is_visible()
    assert_accessible(owner, "relay-permission")
