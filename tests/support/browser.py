"""Real Chromium by Playwright: people in it, accessibility, reflow, pictures."""

import os
from pathlib import Path
from typing import Any, Literal

import html5lib
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.accounts.models import User

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = Path(os.environ.get("SCREENSHOTS", "var/screenshots"))
PATIENCE_MILLISECONDS = 60_000
"""A slow machine is no fault of a page; how fast pages are is measured in benchmarks."""
expect.set_options(timeout=PATIENCE_MILLISECONDS)
WIDTHS = (1280, 390)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
NARROW = 320


def sign_in(browser: Browser, base_url: str, user: User, **options: Any) -> Page:
    """A page of a fresh context in which `user` is signed in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    context: BrowserContext = browser.new_context(base_url=base_url, **options)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    context.add_cookies([{"name": "sessionid", "value": str(session.session_key), "url": base_url}])
    page = context.new_page()
    page.on("pageerror", lambda error: _fail(f"script error: {error}"))
    return page


def _fail(sentence: str) -> None:
    raise AssertionError(sentence)


def assert_accessible(page: Page, name: str) -> None:
    """axe finds nothing, ids and references are whole, nothing scrolls sideways at 320 pixels; keeps pictures."""
    _assert_without_violations(page, name)
    _assert_whole(page, name)


def assert_accessible_in_both_schemes(page: Page, name: str) -> None:
    """The same in light and in dark, on one visit: the schemes differ in their colors alone."""
    for scheme in SCHEMES:
        # At once: axe would measure the contrast of colors halfway between the two.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        _assert_without_violations(page, f"{name}-{scheme}")
        _assert_whole(page, f"{name}-{scheme}")
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")


def _assert_without_violations(page: Page, name: str) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        picture(page, f"{name}-{width}")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name} at {width}: {found.generate_report()}"


def _assert_whole(page: Page, name: str) -> None:
    page.set_viewport_size({"width": NARROW, "height": 800})
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{name} scrolls sideways by {overflow} pixels at {NARROW}"
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    assert_whole_references(page.content(), name)


def assert_whole_references(html: str, name: str) -> None:
    """Every id once, and every id that ARIA, a label or a form names there; axe misses both."""
    document = html5lib.parse(html, namespaceHTMLElements=False)
    ids = [element.get("id") for element in document.iter() if element.get("id")]
    double = {key for key in ids if ids.count(key) > 1}
    assert not double, f"{name}: ids that stand twice: {double}"
    for element in document.iter():
        for attribute in ("aria-describedby", "aria-labelledby", "aria-controls", "for"):
            for key in (element.get(attribute) or "").split():
                assert key in ids, f"{name}: {attribute} of <{element.tag}> names {key!r}, which is not there"


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where SCREENSHOTS says."""
    if "SCREENSHOTS" in os.environ:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
