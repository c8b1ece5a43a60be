"""One confirmation for the other kinds: their statements are made anew, and their new end must be known."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from portal.grants.models import Grant
from portal.renewals.models import Judgement, Route
from portal.renewals.services import filing
from portal.workflow.states import State
from senders.models import SenderRequest
from tests.cast import Cast, approve, client_of, fresh
from tests.renewals.test_renewal_page import text_of, url
from tests.senders import cast as senders
from tests.senders.conftest import names as sender_names
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer
from tests.whitelist import cast as whitelist
from tests.whitelist.conftest import names as vendor_names
from whitelist.models import WhitelistRequest

__all__ = ["sender_names", "vendor_names"]
pytestmark = pytest.mark.django_db


def near_its_end(grant: Grant) -> time_machine.travel:
    return time_machine.travel(f"{grant.ends_on - timedelta(days=20)}T12:00:00-06:00", tick=True)


def test_a_whitelist_entry(vendor_names: DnsServer, cast: Cast) -> None:
    grant = approve(cast, whitelist.submitted(cast))
    with near_its_end(grant):
        client = client_of(cast.requester)
        text = text_of(client, grant)
        assert "The vendor uses it for mail to us only." in text
        assert "Its mail is not counted for this kind of permission." in text
        assert client.post(url(grant), {"revision": grant.revision}).status_code == 302
        judgement = Judgement.objects.get()
        assert (judgement.route, judgement.reasons) == (Route.SHORT, [])
        renewal = fresh(judgement.service_request)
        detail = WhitelistRequest.of(renewal)
        assert (detail.is_controlled, detail.is_dedicated, detail.is_attested) == (True, True, True)
        assert (renewal.stage, renewal.sponsor) == ("renewal", cast.sponsor)
        assert approve(cast, renewal).ends_on > grant.ends_on


def test_a_whitelist_entry_whose_vendor_changed(vendor_names: DnsServer, cast: Cast) -> None:
    grant = approve(cast, whitelist.submitted(cast))
    vendor_names.remove("_dmarc.vendor.example", "TXT")
    with near_its_end(grant):
        text = text_of(client_of(cast.requester), grant)
    assert "vendor.example has no DMARC record" in text
    assert "Confirm and renew" not in text


def test_an_authorization_ends_with_its_contract_unless_that_goes_on(
    sender_names: DnsServer, cast: Cast
) -> None:
    publish(sender_names)
    grant = senders.waiting(cast)
    senders.add_sample(grant.request, senders.signed())
    grant.refresh_from_db()
    assert grant.state == "active"
    with near_its_end(grant):
        client = client_of(cast.requester)
        text = text_of(client, grant)
        assert "The new end has to be given in the form." in text
        assert "Confirm and renew" not in text
        # The grant was cut short of its contract: a renewal runs on to the contract's end.
        Grant.objects.filter(pk=grant.pk).update(ends_on=timezone.localdate() + timedelta(days=9))
        grant.refresh_from_db()
        text = text_of(client, grant)
        assert "Confirm and renew" in text, text
        renewal = filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision)
        assert fresh(renewal).state == State.IN_REVIEW
        detail = SenderRequest.objects.get(pk=renewal.pk)
        assert detail.contract_ends_on is not None
        assert detail.contract_ends_on > timezone.localdate()
        assert detail.is_attested
        assert fresh(renewal).sponsor == cast.sponsor
        judgement = Judgement.objects.get()
        assert (judgement.route, judgement.reasons) == (Route.SHORT, [])
