"""The styleguide in a real browser: both schemes, three widths, the keyboard, and no JavaScript."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.cast import Cast
from tests.support.browser import assert_accessible, assert_accessible_in_both_schemes, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _with_styleguide(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.ui.urls"


@pytest.fixture
def guide(browser: Browser, live_server: Any, cast: Cast) -> Iterator[Page]:
    page = sign_in(browser, live_server.url, cast.admin, reduced_motion="reduce")
    refused: list[str] = []
    page.on(
        "console",
        lambda message: refused.append(message.text) if "Content Security" in message.text else None,
    )
    page.goto("/styleguide/")
    yield page
    assert refused == []
    page.context.close()


def test_every_part_is_accessible_in_both_schemes(guide: Page) -> None:
    assert_accessible_in_both_schemes(guide, "styleguide")


def test_axe_would_find_a_fault(guide: Page) -> None:
    guide.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input><img src=x>')")
    assert Axe().run(guide).violations_count > 0


def test_the_schemes_are_two(guide: Page) -> None:
    papers = []
    for scheme in ("light", "dark"):
        guide.emulate_media(color_scheme=scheme)
        papers.append(guide.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == [
        "rgb(248, 248, 247)",
        "rgb(14, 16, 19)",
    ]  # at once: nothing fades where motion is unwanted


def test_rows_are_added_and_removed(guide: Page) -> None:
    boxes = guide.get_by_label("IP address")
    guide.get_by_role("button", name="Add another address").click()
    expect(boxes).to_have_count(2)
    expect(boxes.nth(1)).to_be_focused()
    guide.get_by_role("button", name="Remove address 1").click()
    expect(boxes.filter(visible=True)).to_have_count(1)
    assert guide.locator("[name=addresses-0-DELETE]").input_value() == "on"
    assert guide.locator("[name=addresses-TOTAL_FORMS]").input_value() == "2"


def test_a_question_appears_with_the_answer_it_hangs_on(guide: Page) -> None:
    field = guide.locator("#id_blank-other_system")
    expect(field).to_be_hidden()
    guide.locator("#id_blank-system_2").check()
    expect(field).to_be_visible()


def test_a_live_check_answers_under_its_field_and_keeps_the_focus(guide: Page) -> None:
    guide.locator("#id_blank-host").press_sequentially("copier")
    expect(guide.locator("#id_blank-host_live li")).to_have_count(2)
    expect(guide.locator("#id_blank-host")).to_be_focused()


def test_the_summary_leads_to_the_field(guide: Page) -> None:
    guide.get_by_role("link", name="Take out the underscore").click()
    expect(guide.locator("#id_wrong-host")).to_be_focused()


def test_keys_move_in_the_list_and_nowhere_else(guide: Page) -> None:
    rows = guide.locator("[data-row-item]")
    guide.evaluate("document.activeElement.blur()")
    guide.keyboard.press("j")
    expect(guide.locator(".is-active")).to_have_count(0)
    rows.nth(0).locator("[data-open]").focus()
    guide.keyboard.press("j")
    expect(rows.nth(1).locator("[data-open]")).to_be_focused()
    guide.keyboard.press("k")
    expect(rows.nth(0).locator("[data-open]")).to_be_focused()
    guide.keyboard.press("?")
    expect(guide.get_by_role("dialog")).to_be_visible()
    guide.keyboard.press("Escape")
    guide.keyboard.press("/")
    expect(guide.locator("#search")).to_be_focused()


def test_the_menu_closes_by_escape_and_gives_the_focus_back(guide: Page) -> None:
    summary = guide.locator(".topbar-side summary")
    summary.click()
    guide.keyboard.press("Tab")
    guide.keyboard.press("Escape")
    expect(guide.get_by_role("link", name="Settings").first).to_be_visible()
    expect(guide.locator(".topbar-side details")).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()


def test_all_works_without_javascript(browser: Browser, live_server: Any, cast: Cast) -> None:
    page = sign_in(browser, live_server.url, cast.admin, java_script_enabled=False)
    page.goto("/styleguide/")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    expect(page.locator("#id_blank-other_system")).to_be_visible()
    page.locator(".topbar-side summary").click()
    page.locator(".topbar-side").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/password/reset/", "/accounts/3rdparty/signup/"]
)
def test_the_doors_are_accessible(browser: Browser, live_server: Any, path: str, db: None) -> None:
    page = browser.new_context(base_url=live_server.url).new_page()
    page.goto(path)
    assert_accessible(page, path.strip("/").replace("/", "-"))
    page.context.close()


@pytest.mark.parametrize("path", ["/settings/", "/accounts/2fa/", "/accounts/password/change/", "/nowhere/"])
def test_peoples_own_pages_are_accessible(browser: Browser, live_server: Any, cast: Cast, path: str) -> None:
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(path)
    assert_accessible(page, path.strip("/").replace("/", "-"))
    page.context.close()
