"""The pages of the API in a real browser: pictures, and nothing for axe."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.api.test_api import Program
from tests.cast import Cast
from tests.support.browser import assert_accessible, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_pages_are_accessible(cast: Cast, live_server: Any, browser: Browser) -> None:
    Program(cast, cast.requester)
    page = sign_in(browser, live_server.url, cast.admin)
    for name, path in (("api-docs", "/api/docs/"), ("api-tokens", "/api/tokens/")):
        page.goto(path)
        assert_accessible(page, name)
