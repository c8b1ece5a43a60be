"""The pages of mail hosts in a real browser: accessible, and whole at 320 pixels."""

from typing import Any

import pytest

from portal.enforcement import hosts, releasing
from portal.enforcement.models import HostState
from tests.cast import approved, make_cast
from tests.enforcement.pulling import HOST, KEY, post_receipt, token_for
from tests.support.browser import assert_accessible, sign_in

pytestmark = pytest.mark.browser


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_mail_hosts(
    live_server: Any, browser: Any, client: Any, settings: Any, scheme: Any
) -> None:
    settings.EXPORT_SIGNING_KEY = KEY
    cast = make_cast()
    grant = approved(cast)
    releasing.release()
    token = token_for(cast, "postfix", "rspamd")
    newest = releasing.latest_release("postfix")
    assert newest is not None
    post_receipt(client, token, newest, differing=["relay_clients.cidr:", "+127.0.0.9/32 OK"])
    assert hosts.check_hosts() == {"drift": 1, "": 1}
    assert HostState.objects.get(target="postfix").host == HOST
    page = sign_in(browser, live_server.url, cast.admin, color_scheme=scheme)
    for name, path in (
        ("in-force", "/in-force/"),
        ("tokens", "/in-force/tokens/"),
        ("grant", grant.get_absolute_url()),
    ):
        page.goto(path)
        if name == "in-force":
            page.get_by_text("Differing lines").click()
            assert page.get_by_text("+127.0.0.9/32 OK").is_visible()
        assert_accessible(page, f"{name}-{scheme}")
    page.context.close()
