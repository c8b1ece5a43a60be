"""The pages of the search in a real browser: pictures, and nothing for axe."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser

from portal.accounts.models import DirectoryAddress
from portal.grants.models import Grant
from portal.ownership import claiming, services
from portal.ownership.models import OwnerSearch
from portal.ownership.stages import SearchStage
from tests.cast import Cast, approved
from tests.support.browser import assert_accessible, picture, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_pages_are_accessible(cast: Cast, live_server: Any, browser: Browser) -> None:
    grant = approved(cast, co_owner=cast.colleague)
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto("/permissions/unowned/")
    assert_accessible(page, "unowned-empty")
    Grant.objects.update(functional_mailbox="printing@ttu.edu")
    DirectoryAddress.objects.filter(address=cast.requester.email).update(gone_at=timezone.now())
    services.reassign_unowned(today=timezone.localdate())
    link = (
        f"/permissions/unowned/claim/{claiming.claim_token(OwnerSearch.objects.get(), SearchStage.MAILBOX)}/"
    )
    for name, path in (
        ("unowned", "/permissions/unowned/"),
        ("unowned-offer", f"/permissions/unowned/{grant.reference}/"),
        ("unowned-grant", grant.get_absolute_url()),
        ("unowned-claim", link),
    ):
        page.goto(path)
        assert_accessible(page, name)
        picture(page, name)
