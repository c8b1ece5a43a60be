"""What people read about a permission before and after mail hosts took it up: "live" only on their word."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.enforcement import releasing
from portal.enforcement.models import HostState
from portal.enforcement.services import mark_changed, publish_changes
from portal.grants import publication
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.outbox.models import Notification
from tests.cast import Cast, approved, client_of
from tests.enforcement.pulling import HOST, KEY, post_receipt, token_for
from tests.enforcement.test_guard import lose
from tests.incidents.test_incidents import opened
from tests.support.pages import flat

pytestmark = pytest.mark.django_db
SECOND = "relay2.ttu.edu"


@pytest.fixture(autouse=True)
def key(settings: Any) -> None:
    settings.EXPORT_SIGNING_KEY = KEY


def sentence(grant: Grant) -> str:
    return publication.status_of(Grant.objects.get(pk=grant.pk)).sentence


def report(client: Client, token: str, host: str = HOST) -> None:
    newest = releasing.latest_release("postfix")
    assert newest is not None
    assert post_receipt(client, token, newest, host=host).status_code == 201


def test_a_permission_is_called_live_only_where_receipts_say_so(cast: Cast, client: Client) -> None:
    tokens = {host: token_for(cast, host=host) for host in (HOST, SECOND)}
    grant = approved(cast)
    emails = Notification.objects.filter(subject__contains="approved")
    assert emails.exists()
    for email in emails:
        assert "in force" not in email.text.lower()
        assert "within a minute; its page shows when it is live" in email.text
    browser = client_of(cast.requester)
    page = browser.get(grant.get_absolute_url()).content.decode()
    assert "Approved, not live yet: it waits for the next release, within a minute." in page
    assert "In force now" not in page

    releasing.release()
    assert sentence(grant) == f"Approved, not live yet: {HOST} and {SECOND} have not fetched it yet."
    report(client, tokens[HOST])
    assert sentence(grant) == f"Approved, live on 1 of 2 hosts so far: {SECOND} has not fetched it yet."
    report(client, tokens[SECOND], SECOND)
    assert sentence(grant).startswith("Live on 2 of 2 hosts since ")
    for address in (grant.get_absolute_url(), f"/requests/{grant.reference}/"):
        assert "Live on 2 of 2 hosts since " in browser.get(address).content.decode()

    HostState.objects.filter(host=SECOND).update(differing="+x OK")
    assert "in trouble" in sentence(grant)
    HostState.objects.filter(host=SECOND).update(differing="")

    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
    told = Notification.objects.filter(subject__contains="Revoked").first()
    assert told is not None
    assert "stop accepting its mail within a minute" in told.text
    assert sentence(grant).startswith(
        f"Revoked: {HOST} and {SECOND} still hold it; it waits for the next release"
    )
    releasing.release()
    report(client, tokens[HOST])
    assert sentence(grant) == f"Revoked: {SECOND} still holds it."
    report(client, tokens[SECOND], SECOND)
    assert sentence(grant) == "Revoked: no mail host holds it."


def test_an_addition_that_is_held_is_never_called_live(cast: Cast, client: Client) -> None:
    grant = approved(cast)
    other = approved(cast, address="129.118.20.40", host="other.ttu.edu")
    releasing.release()
    token = token_for(cast)
    report(client, token)
    assert sentence(grant).startswith("Live on 1 of 1 host since")
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
    releasing.release()
    Grant.objects.filter(pk=grant.pk).update(state="active")
    releasing.release()
    report(client, token)
    assert sentence(grant).startswith("Approved, not live yet: IT holds it back to look at it.")
    assert sentence(other).startswith("Live on 1 of 1 host")
    page = client_of(cast.reviewer).get(grant.get_absolute_url()).content.decode()
    assert "A change is held back." in flat(page)
    assert "/enforcement/held/" in page
    assert (
        "/enforcement/held/" not in client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    )
    lose(other)
    releasing.release()
    assert "other" not in sentence(grant)


def test_without_hosts_or_exports_nothing_is_called_live(cast: Cast, settings: Any, tmp_path: Any) -> None:
    settings.EXPORT_SIGNING_KEY = None
    grant = approved(cast)
    assert sentence(grant) == "Active."
    settings.PUBLISH_DIR = str(tmp_path / "published")
    mark_changed()
    assert sentence(grant) == "Approved, not live yet: it waits for the next release, within a minute."
    publish_changes()
    assert sentence(grant) == "Approved and released: no mail host reports here whether it is live there."
    settings.PUBLISH_DIR = ""
    settings.EXPORT_SIGNING_KEY = KEY
    releasing.release()
    assert sentence(grant) == "Approved and released: no mail host reports here whether it is live there."


def test_lists_say_what_the_permissions_page_says(cast: Cast, client: Client) -> None:
    tokens = {host: token_for(cast, host=host) for host in (HOST, SECOND)}
    grant = approved(cast)
    browser = client_of(cast.requester)

    def listed() -> str:
        return browser.get("/permissions/mine/").content.decode()

    assert "Approved, not live yet: it waits for the next release, within a minute." in listed()
    releasing.release()
    report(client, tokens[HOST])
    assert f"Approved, live on 1 of 2 hosts so far: {SECOND} has not fetched it yet." in listed()
    report(client, tokens[SECOND], SECOND)
    assert "Live on 2 of 2 hosts since " in listed()
    incident = opened(cast)
    page = client_of(cast.reviewer).get(f"/incidents/{incident.pk}/").content.decode()
    assert f"Suspended: {HOST} and {SECOND} still hold it; it waits for the next release" in page
    managing.change_state(
        grant=Grant.objects.get(pk=grant.pk),
        action=GrantAction.END,
        actor=cast.requester,
        reason="The system is gone.",
    )
    releasing.release()
    report(client, tokens[HOST])
    assert f"Ended: {SECOND} still holds it." in listed()
    report(client, tokens[SECOND], SECOND)
    assert "still holds it" not in listed()


def test_the_owners_list_asks_as_often_for_few_as_for_many(
    cast: Cast, client: Client, settings: Any, tmp_path: Any
) -> None:
    settings.PUBLISH_DIR = str(tmp_path / "published")
    browser, counts = client_of(cast.requester), []
    token = token_for(cast)
    for size in (2, 12):
        for number in range(Grant.objects.count(), size):
            approved(cast, address=f"129.118.20.{10 + number}", host=f"h{10 + number}.ttu.edu")
        publish_changes(force=True)
        report(client, token)
        browser.get("/permissions/mine/")
        with CaptureQueriesContext(connection) as found:
            page = browser.get("/permissions/mine/").content.decode()
        assert page.count("Live on 1 of 1 host since") == size
        counts.append(len(found))
    assert counts == [18, 18]


def test_a_list_asks_as_often_for_few_as_for_many(cast: Cast, client: Client) -> None:
    grants = [approved(cast, address=f"129.118.20.{n}", host=f"h{n}.ttu.edu") for n in range(10, 16)]
    releasing.release()
    token = token_for(cast)
    report(client, token)
    counts = []
    for some in (grants[:1], grants):
        with CaptureQueriesContext(connection) as found:
            assert len(publication.statuses(some)) == len(some)
        counts.append(len(found))
    assert counts[0] == counts[1], counts
