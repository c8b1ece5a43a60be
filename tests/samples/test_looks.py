"""The screens of proofs in a real browser: nothing axe objects to, nothing that scrolls sideways, also with long names."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser

from portal.grants.models import Grant
from portal.samples.models import SignedSample
from portal.samples.probe import probe_address
from tests.cast import Cast, approved
from tests.mailauth.signing import rsa_key
from tests.samples.test_proof_of_signing import OUR_KEY, arrive, raw_message, signed
from tests.support.browser import assert_accessible, sign_in
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "the-copier-of-the-laboratory-for-condensed-matter-physics-room-1204.physics.ttu.edu"


def test_the_screens_of_proofs(names: DnsServer, cast: Cast, live_server: Any, browser: Browser) -> None:
    names.txt(OUR_KEY, rsa_key().record)
    grant = approved(cast, host=LONG)
    month_ago = timezone.now() - timedelta(days=30)
    Grant.objects.filter(pk=grant.pk).update(created_at=month_ago, starts_on=timezone.localdate(month_ago))
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto(grant.get_absolute_url())
    assert_accessible(page, "proof-none")
    probe = probe_address(grant.latest_request)
    arrive(grant, signed(probe, sender="alerts@ttu.edu"))
    for path, name in (
        (grant.get_absolute_url(), "proof-wrong"),
        ("/enforcement/unproven/", "unproven"),
        ("/enforcement/unproven/?kind=senders", "unproven-none"),
    ):
        page.goto(path)
        assert_accessible(page, name)
    arrive(grant, signed(probe))
    later = arrive(grant, raw_message(probe))
    SignedSample.objects.filter(pk=later.pk).update(received_at=timezone.now() + timedelta(minutes=5))
    for path, name in (
        (grant.get_absolute_url(), "proof-and-warning"),
        (f"/requests/{grant.reference}/samples/", "proof-samples"),
    ):
        page.goto(path)
        assert_accessible(page, name)
    mine = sign_in(browser, live_server.url, cast.requester)
    other = approved(cast, address="129.118.10.41", host="web-3.ttu.edu")
    Grant.objects.filter(pk=other.pk).update(created_at=month_ago, starts_on=timezone.localdate(month_ago))
    mine.goto("/permissions/mine/")
    assert_accessible(mine, "proof-my-grants")
