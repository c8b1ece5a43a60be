"""The pages of four eyes, files and parts in a real browser, with long names."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from portal.accounts.models import DirectoryAddress, User
from portal.institution import institution
from portal.lib.throttle import Rate
from portal.workflow.services import attaching, checking, commenting
from tests.cast import Cast, approve, fresh, submitted
from tests.support.browser import assert_accessible, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "Maximiliane-Theodora von und zu Hohenlohe-Waldenburg-Schillingsfürst"


@pytest.fixture
def long_names(cast: Cast) -> Cast:
    for person in (cast.requester, cast.reviewer, cast.colleague):
        User.objects.filter(pk=person.pk).update(name=f"{LONG} {person.pk}")
        person.refresh_from_db()
    return cast


def with_files(cast: Cast, **facts: Any) -> Any:
    request = submitted(cast, **facts)
    for number in range(2):
        name = f"the-plan-of-the-whole-building-and-its-copiers-as-of-november-{number}.txt"
        file = attaching.attach(
            service_request=fresh(request),
            actor=cast.requester,
            upload=SimpleUploadedFile(name, name.encode()),
        )
    attaching.detach(attachment=file, actor=cast.requester)
    return fresh(request)


def test_why_a_reviewer_does_not_decide_and_that_nobody_can(
    long_names: Cast, live_server: Any, browser: Any
) -> None:
    cast = long_names
    request = with_files(cast, co_owner=cast.reviewer)
    cast.second_reviewer.groups.clear()
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto(request.get_absolute_url())
    page.locator("#former-files summary").click()
    page.get_by_text("removed by").wait_for()
    assert page.locator("#stuck").is_visible()
    assert_accessible(page, "four-eyes")
    page.get_by_role("button", name="Accept co-ownership").click()
    page.get_by_text("You accepted.").wait_for()


def test_the_decision_names_the_files_it_saw(long_names: Cast, live_server: Any, browser: Any) -> None:
    cast = long_names
    request = with_files(cast)
    approve(cast, request)
    page = sign_in(browser, live_server.url, cast.second_reviewer)
    page.goto(request.get_absolute_url())
    page.get_by_text("SHA-256").wait_for()
    assert_accessible(page, "decision-files")


def test_a_request_whose_requester_is_gone(long_names: Cast, live_server: Any, browser: Any) -> None:
    cast = long_names
    request = submitted(cast, co_owner=cast.colleague)
    DirectoryAddress.objects.filter(address=cast.requester.email).update(gone_at=timezone.now())
    checking.recheck(service_request=fresh(request), actor=cast.reviewer)
    page = sign_in(browser, live_server.url, cast.colleague)
    page.goto(request.get_absolute_url())
    assert_accessible(page, "take-over")
    page.get_by_role("button", name="Take the request over").click()
    page.get_by_text("The request is yours now.").wait_for()


def test_filters_that_are_none(long_names: Cast, live_server: Any, browser: Any) -> None:
    page = sign_in(browser, live_server.url, long_names.reviewer)
    page.goto(f"/queue/?older={'9' * 60}&kind=wish&assignee=x")
    page.get_by_text("is no number of days").wait_for()
    assert_accessible(page, "filter-problems")
    page.goto("/calendar/?month=2026-13&population=martians")
    page.get_by_text("is not a month").wait_for()
    assert_accessible(page, "calendar-problems")


def test_too_often_keeps_what_was_typed(
    long_names: Cast, live_server: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commenting, "COMMENTS_OF_ONE_PERSON", Rate(times=0, seconds=60))
    request = submitted(long_names)
    page = sign_in(browser, live_server.url, long_names.requester)
    page.goto(request.get_absolute_url())
    page.locator("#id_comment-comment").fill("A thought that took long to write.")
    page.get_by_role("button", name="Comment", exact=True).click()
    page.get_by_text("many comments in a short time").first.wait_for()
    assert page.locator("#id_comment-comment").input_value() == "A thought that took long to write."
    assert_accessible(page, "too-often")


@pytest.mark.parametrize("why", ["none", "unverified", "elsewhere", "taken", "joining", "form"])
def test_a_sign_on_that_is_refused(
    cast: Cast, live_server: Any, browser: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{'very-long-local-part-' * 3}@{'sub.' * 8}elsewhere.example"
    place = replace(institution(), contact="Director of Unified Communications, Authentication, and Cloud")
    context = {"why": why, "address": address, "domains": ["ttu.edu"], "institution": place}

    def refused(request: Any) -> Any:
        return HttpResponse(render_to_string("socialaccount/refused.html", context, request), status=403)

    page = browser.new_context(base_url=live_server.url).new_page()
    monkeypatch.setattr("portal.accounts.views.render", lambda request, *_, **__: refused(request))
    page.goto("/accounts/3rdparty/signup/")
    page.get_by_role("heading", name="You are not signed in").wait_for()
    assert_accessible(page, f"sign-on-{why}")
    page.context.close()
