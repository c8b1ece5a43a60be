"""Addresses of the first version lead to those of today."""

import pytest
from django.test import Client

from tests.access.conftest import World
from tests.cast import client_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/ask/", "/new/"),
        ("/ask/relay/", "/new/relay/"),
        ("/ask/?at=relay-copier", "/new/?at=relay-copier"),
        ("/grants/", "/permissions/mine/"),
        ("/grants/TM-R-1001/", "/permissions/TM-R-1001/"),
        ("/grants/TM-R-1001/renew/", "/permissions/TM-R-1001/renew/"),
        ("/grants/TM-R-1001/do/revoke/", "/permissions/TM-R-1001/do/revoke/"),
        ("/ownerless/", "/permissions/unowned/"),
        ("/ownerless/claim/abc:def-_/", "/permissions/unowned/claim/abc:def-_/"),
        ("/in-force/", "/enforcement/"),
        ("/in-force/unproven/?kind=senders&page=2", "/enforcement/unproven/?kind=senders&page=2"),
    ],
)
def test_an_old_address_leads_to_the_new_one_for_good(old: str, new: str) -> None:
    client = Client()
    got, posted = client.get(old), client.post(old)
    assert (got.status_code, got["Location"]) == (301, new)
    assert (posted.status_code, posted["Location"]) == (308, new)


def test_a_query_with_any_bytes_breaks_no_header() -> None:
    answer = Client().get("/ask/", QUERY_STRING='at=%0d%0aSet-Cookie:x&b=\xe9"<')
    assert answer["Location"].startswith("/new/?at=%0d%0aSet-Cookie:x&b=")
    assert "\n" not in answer["Location"]
    assert "Set-Cookie" not in answer


def test_an_old_link_ends_at_the_page(world: World) -> None:
    page = client_of(world.cast.requester).get(f"/grants/{world.grant.reference}/", follow=True)
    assert page.status_code == 200
    assert page.redirect_chain == [(f"/permissions/{world.grant.reference}/", 301)]
