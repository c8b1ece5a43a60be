"""The pages of mail hosts in a real browser: accessible, and whole at 320 pixels."""

from ipaddress import ip_network
from typing import Any

import pytest

from portal.enforcement import hosts, releasing
from portal.enforcement.models import HeldChange, HostState
from portal.grants.models import TrustedDate
from relay.models import PermittedAddress
from tests.cast import approved, make_cast
from tests.enforcement.pulling import HOST, KEY, post_receipt, token_for
from tests.enforcement.test_guard import lose
from tests.support.browser import assert_accessible_in_both_schemes, sign_in

pytestmark = pytest.mark.browser


@pytest.mark.django_db(transaction=True)
def test_the_pages_of_mail_hosts(live_server: Any, browser: Any, client: Any, settings: Any) -> None:
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
    page = sign_in(browser, live_server.url, cast.admin)
    for name, path in (
        ("in-force", "/enforcement/"),
        ("tokens", "/enforcement/tokens/"),
        ("grant", grant.get_absolute_url()),
    ):
        page.goto(path)
        if name == "in-force":
            page.get_by_text("Differing lines").click()
            assert page.get_by_text("+127.0.0.9/32 OK").is_visible()
        assert_accessible_in_both_schemes(page, name)
    page.context.close()


@pytest.mark.django_db(transaction=True)
def test_what_is_held_back(live_server: Any, browser: Any, settings: Any) -> None:
    settings.EXPORT_SIGNING_KEY = KEY
    cast = make_cast()
    lost = approved(cast)
    grant = approved(
        cast, address="129.118.20.40", host="a-host-with-quite-a-long-name.laboratory-of-physics.ttu.edu"
    )
    releasing.release()
    lose(lost)
    for number in range(12):
        PermittedAddress.objects.create(
            permission=grant.relay, network=ip_network(f"2001:db8:4000:10::{number:x}")
        )
    releasing.release()
    TrustedDate.objects.update(doubtful_day="2027-01-15")
    row = HeldChange.objects.filter(target="postfix", reference=grant.reference).get()
    page = sign_in(browser, live_server.url, cast.admin)
    for name, path in (
        ("held", "/enforcement/"),
        ("held-change", f"/enforcement/held/{row.pk}/"),
        ("held-grant", grant.get_absolute_url()),
        ("held-request", f"/requests/{grant.reference}/"),
    ):
        page.goto(path)
        assert_accessible_in_both_schemes(page, name)
    page.goto(f"/enforcement/held/{row.pk}/")
    page.get_by_role("button", name="Release anyway").click()
    assert_accessible_in_both_schemes(page, "held-refused")
    page.get_by_label("Why is this change right?").fill("The addresses were added by the migration.")
    page.get_by_role("button", name="Release anyway").click()
    page.get_by_text("goes out within a minute").first.wait_for()
    page.get_by_role("button", name="Confirm today").click()
    page.get_by_text("is confirmed").wait_for()
    assert_accessible_in_both_schemes(page, "held-decided")
    page.context.close()
