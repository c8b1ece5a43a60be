"""A survey of students in a real browser: filed with its .eml, checked, placed, reviewed, signed off, and held to it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from campaigns.calendar_rules import next_free_window, window_of
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.outbox.models import Notification
from portal.sending_calendar.labels import window_label
from portal.workflow.models import Event, ServiceRequest
from tests.access.conftest import senders_request
from tests.campaigns.cast import campaign_draft, free_days, message, submitted
from tests.cast import Cast, approve
from tests.support.browser import assert_accessible, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FROM = "survey@mail.ttu.edu"


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def a_service_that_may_send(cast: Cast) -> Grant:
    """The sender authorization of the third party, in force."""
    today, request = timezone.localdate(), senders_request(cast)
    return Grant.objects.create(
        kind="senders",
        reference=request.reference,
        request=request,
        latest_request=request,
        owner=cast.sponsor,
        title="Panel Mailer",
        subject_key="mail.ttu.edu",
        starts_on=today,
        ends_on=today + timedelta(days=300),
        state=GrantState.ACTIVE,
    )


def files(folder: Path) -> dict[str, Path]:
    """The .eml as it was first, as it was mended, and as somebody changed it later."""
    made = {
        "bad": message(sender=FROM, postal="", one_click="One-Click"),
        "good": message(sender=FROM),
        "changed": message(sender=FROM, body="We would like to sell you something. It takes five minutes."),
    }
    for name, raw in made.items():
        (folder / f"{name}.eml").write_bytes(raw)
    return {name: folder / f"{name}.eml" for name in made}


def begin(page: Page) -> None:
    """From the guide to the first page of the form."""
    page.goto("/new/")
    page.get_by_label("Send a survey, a campaign").check()
    go_on(page)
    page.get_by_label("A survey of our faculty, staff or students").check()
    go_on(page)
    page.get_by_label("No, we want the answers").check()
    go_on(page)
    page.get_by_role("button", name="Begin the request").click()


def who_and_to_whom(page: Page) -> None:
    expect(page.get_by_label("A survey of faculty, staff or students")).to_be_checked()
    page.get_by_label("A third party sends it for us").check()
    page.get_by_label("Which third party sends it?").fill("Panel Inc.")
    go_on(page)
    page.get_by_role("group", name=re.compile("advertise or promote")).get_by_label("No").check()
    go_on(page)
    page.get_by_label("Which unit is the sender of record?").fill("Student Affairs")
    page.get_by_label("Name in From").fill("Student Affairs")
    page.get_by_label("Address in From").fill(FROM)
    page.get_by_label("A service with a sender authorization in force").check()
    page.get_by_label("Which sender authorization?").select_option(index=1)
    go_on(page)
    page.get_by_label("Students: how many?").fill("32000")
    page.get_by_label("Where does the list of addresses come from?").fill("Student information system")
    page.get_by_label("They study or work here").check()
    page.get_by_label("The list was not bought").check()
    go_on(page)


def hand_in(page: Page, made: dict[str, Path]) -> None:
    """The checks point at what is missing, and the mended message passes."""
    page.get_by_label("As a file").check()
    page.get_by_label("The message as an .eml file").set_input_files(made["bad"])
    go_on(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("There is no postal address in the text")
    expect(alert).to_contain_text("List-Unsubscribe-Post must say exactly")
    assert_accessible(page, "campaign-message-refused")
    page.get_by_label("The message as an .eml file").set_input_files(made["good"])
    go_on(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("When it is sent")


def place(page: Page, taken: Grant) -> None:
    """The week is taken; the page names the next free window."""
    day = taken.starts_on + timedelta(days=3)
    page.get_by_label("First day of sending").fill(day.isoformat())
    page.get_by_label("Last day of sending").fill((day + timedelta(days=1)).isoformat())
    page.get_by_label("Last day of sending").blur()
    live = page.locator("#id_last_send_on_live")
    expect(live).to_contain_text("Students get another survey that week")
    expect(live).to_contain_text("The next free window of this length is")
    page.get_by_label("How many messages does each person get?").fill("2")
    page.get_by_label("Messages an hour, at most").fill("2000")
    assert_accessible(page, "campaign-window")
    go_on(page)


def the_rest(page: Page) -> str:
    page.get_by_label("Minutes to complete").fill("5")
    page.get_by_label("Confidential").check()
    page.get_by_label("Where are the answers kept").fill("On our own server, for a year")
    page.get_by_label("It is not human-subjects research").check()
    page.get_by_label("Who at Institutional Research knows about it?").fill("Dana")
    go_on(page)
    page.get_by_label("Phone number of that person").fill("555 0100")
    go_on(page)
    page.get_by_label("What is it for?").fill("To plan the menus of the next year.")
    go_on(page)
    page.get_by_label("I am authorized to send this mail").check()
    go_on(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your answers")
    assert_accessible(page, "campaign-answers")
    page.get_by_role("button", name="Submit the request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your request")
    found = re.search(r"TM-C-\d+", page.inner_text("main"))
    assert found
    return found.group()


def complaints_come_in(grant: Grant, *, staff: Page, reviewer: Page, cio: Page) -> None:
    """While it goes out: IT enters the figures, the office revokes it with them, and everyone concerned is told."""
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(starts_on=today, ends_on=today + timedelta(days=1))
    Notification.objects.all().delete()
    reviewer.goto("/campaigns/complaint-metrics/")
    for label, value in {
        "Campaign": grant.reference,
        "Day": today.isoformat(),
        "Sent": "2000",
        "Complaints": "31",
        "Hard bounces": "4",
    }.items():
        reviewer.get_by_label(label, exact=True).fill(value)
    reviewer.get_by_role("button", name="Save metrics").click()
    expect(reviewer.locator("main")).to_contain_text("Over its stop limit")
    cio.goto("/campaigns/")
    cio.locator("section", has_text="Over their stop limit").get_by_role("link", name=grant.reference).click()
    cio.get_by_label("No: revoke it").check()
    cio.get_by_label("Reason").first.fill("Students complain about the link.")
    assert_accessible(cio, "campaign-over-limit")
    cio.get_by_role("button", name="Save decision").click()
    expect(cio.locator("main")).to_contain_text("Revoked, by")
    stopped = Grant.objects.get(pk=grant.pk)
    assert stopped.state == GrantState.REVOKED
    assert not stopped.is_in_force_today
    emails = Notification.objects.filter(text__contains="Students complain about the link.")
    assert {email.recipient for email in emails} >= {"requester@ttu.edu", "cio@ttu.edu"}
    staff.goto(f"/permissions/{grant.reference}/")
    expect(staff.locator("main")).to_contain_text("Students complain about the link.")


def test_a_survey_from_its_eml_to_an_approval_that_a_changed_message_does_not_match(
    browser: Browser, live_server: Any, cast: Cast, tmp_path: Path
) -> None:
    first = approve(
        cast, submitted(cast, requester=cast.colleague, first=free_days(2), days=2), actor=cast.cio
    )
    a_service_that_may_send(cast)
    made = files(tmp_path)
    staff = sign_in(browser, live_server.url, cast.requester)
    begin(staff)
    who_and_to_whom(staff)
    hand_in(staff, made)
    place(staff, first)
    reference = the_rest(staff)

    # The calendar shows both.
    staff.goto(f"/calendar/?month={first.starts_on:%Y-%m}&population=students")
    expect(staff.locator("main")).to_contain_text("Dining Services")
    expect(staff.locator("main")).to_contain_text("Student Aff")
    assert_accessible(staff, "campaign-calendar")

    # IT reviews deliverability, because a third party sends.
    reviewer = sign_in(browser, live_server.url, cast.reviewer)
    reviewer.goto("/queue/")
    reviewer.get_by_role("link", name=reference).click()
    reviewer.locator("summary", has_text="Pass to the next stage").click()
    reviewer.get_by_role("button", name="Pass to the next stage").click()
    expect(reviewer.locator("main")).to_contain_text("went on to its next stage")

    # The CIO office sees the whole request on one page and signs off.
    cio = sign_in(browser, live_server.url, cast.cio)
    cio.goto("/campaigns/")
    assert_accessible(cio, "campaign-queue")
    cio.get_by_role("link", name=reference).click()
    main = cio.locator("main")
    for words in (
        "It takes five minutes",
        "Students: 32,000",
        "Student information system",
        "Students get another survey",
        "List-Unsubscribe-Post says",
    ):
        expect(main).to_contain_text(words)
    seen = cio.frame_locator("iframe.mail-view").locator("body")
    expect(seen).to_contain_text("It takes five minutes")
    assert_accessible(cio, "campaign-overview")
    cio.locator(".action-card summary", has_text="Approve").click()
    cio.get_by_label("Why is it approved?").fill("Short, and of use to those who are asked.")
    cio.locator("[name='approve-clauses'][value='MKT-5']").check()
    cio.get_by_role("button", name="Approve").click()
    expect(main).to_contain_text(f"{reference} is approved")
    assert Event.objects.get(service_request__reference=reference, action="approve").clauses == ["MKT-5"]

    # The CIO letter, and an approval that holds for this message alone.
    staff.goto(f"/campaigns/{reference}/letter/")
    expect(staff.get_by_role("heading", level=1)).to_have_text("The request is approved")
    assert_accessible(staff, "campaign-letter")
    staff.goto(f"/permissions/{reference}/")
    staff.get_by_role("link", name="Compare a message").click()
    staff.get_by_label("The message as an .eml file").set_input_files(made["good"])
    staff.get_by_role("button", name="Compare").click()
    expect(staff.locator("main")).to_contain_text("This is the approved message, but it may not be sent now")
    staff.get_by_label("The message as an .eml file").set_input_files(made["changed"])
    staff.get_by_role("button", name="Compare").click()
    expect(staff.locator("main")).to_contain_text("No, this is another message")
    expect(staff.locator("main")).to_contain_text("sell you something")
    assert_accessible(staff, "campaign-verify")
    grant = Grant.objects.get(reference=reference)
    assert [grant.is_in_force_today, grant.is_in_force(grant.starts_on)] == [False, True]

    complaints_come_in(grant, staff=staff, reviewer=reviewer, cio=cio)


def test_the_proposed_window_is_taken_by_hand_and_is_free(
    browser: Browser, live_server: Any, cast: Cast
) -> None:
    taken = approve(
        cast, submitted(cast, requester=cast.colleague, first=free_days(2), days=2), actor=cast.cio
    )
    draft = campaign_draft(cast, first=taken.starts_on, days=2)
    window = window_of(draft)
    assert window is not None
    free = next_free_window(draft, window)
    assert free is not None
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(f"/requests/{draft.reference}/edit/window/")
    page.get_by_label("First day of sending").fill(free.starts_on.isoformat())
    page.get_by_label("Last day of sending").fill(free.ends_on.isoformat())
    page.get_by_label("Last day of sending").blur()
    expect(page.locator("#id_last_send_on_live")).to_contain_text(
        f"{window_label(free)} is free for students"
    )
    go_on(page)
    page.wait_for_url(re.compile("answers"))
    assert window_of(ServiceRequest.objects.get(pk=draft.pk)) == free
