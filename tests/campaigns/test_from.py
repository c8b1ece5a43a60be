"""Whose the address in From of a campaign is: the requester's to lend, its owner's to agree to, or an office's."""

from typing import Any

import pytest
from django.test import Client

from campaigns import from_rules
from campaigns.forms import SenderStep
from campaigns.models import CampaignRequest
from portal.accounts.models import AddressKind, DirectoryAddress
from portal.lib.outcome import Outcome
from portal.outbox.models import Notification
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest
from portal.workflow.services import consenting, reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from tests.campaigns.cast import message, submitted
from tests.cast import Cast, approve, client_of, fresh

pytestmark = pytest.mark.django_db
PRINTING = "campus-printing@ttu.edu"


def mailbox(address: str, department: str = "", owner: str = "") -> str:
    DirectoryAddress.objects.create(
        address=address, kind=AddressKind.SHARED, department=department, owner=owner
    )
    return address


def campaign(cast: Cast, address: str, **facts: Any) -> ServiceRequest:
    return submitted(cast, raw=message(sender=address), from_address=address, **facts)


def judged(request: ServiceRequest) -> Finding:
    (found,) = from_rules.from_findings(CampaignRequest.of(fresh(request)))
    return found


def test_a_mailbox_of_another_department_waits_for_its_owners_consent(
    cast: Cast, requester_client: Client
) -> None:
    request = campaign(cast, mailbox(PRINTING, "Printing Services", cast.colleague.email))
    assert judged(request).blocks
    with pytest.raises(ApprovalBlocked):
        approve(cast, fresh(request), actor=cast.cio)
    path = f"/campaigns/consent/{request.pk}/"
    email = Notification.objects.get(recipient=cast.colleague.email, subject__contains="May")
    assert path in email.text
    assert requester_client.get(path).status_code == 404
    owner = client_of(cast.colleague)
    assert "owner of this mailbox" in owner.get(path).content.decode()
    assert owner.post(path, {"answer": "agree"}).status_code == 302
    assert judged(request).outcome == Outcome.PASS
    assert approve(cast, fresh(request), actor=cast.cio).state == "active"


def test_what_was_agreed_to_was_that_address(cast: Cast) -> None:
    request = campaign(cast, mailbox(PRINTING, "Printing Services", cast.colleague.email))
    consenting.answer(row=CampaignRequest.of(fresh(request)), actor=cast.colleague, agree=True)
    other = mailbox("printing-news@ttu.edu", "Printing Services", cast.colleague.email)
    assert answered(request, PRINTING).outcome == Outcome.PASS
    assert answered(request, other).blocks


def answered(request: ServiceRequest, address: str) -> Finding:
    """What is found once the page of the sender was answered with `address`."""
    facts = {"sender_of_record": "D", "from_name": "D", "from_address": address, "platform": "list_server"}
    form = SenderStep(fresh(request), facts)
    assert form.is_valid(), form.errors
    form.save()
    return judged(request)


@pytest.mark.parametrize(
    ("department", "route", "blocks"),
    [("Physics", ["postmaster", "cio"], False), ("IT", ["postmaster", "cio"], True)],
)
def test_an_offices_own_mailbox_goes_to_the_postmaster_and_anothers_is_refused(
    cast: Cast, department: str, route: list[str], blocks: bool
) -> None:
    request = campaign(cast, mailbox("helpdesk@ttu.edu", department))
    assert request.stage == "postmaster"
    assert [stage.key for stage in request.kind_entry.route(fresh(request))] == route
    assert (judged(request).clause, judged(request).blocks) == ("OVR-5", blocks)
    if not blocks:
        reviewing.advance(service_request=fresh(request), actor=cast.postmaster, revision=request.revision)
        assert fresh(request).stage == "cio"


def test_a_mailbox_that_nobody_answers_for_is_set_aside_by_name_alone(cast: Cast) -> None:
    found = judged(campaign(cast, mailbox(PRINTING, "Printing")))
    assert (found.blocks, found.waivable) == (True, True)
    assert "nobody who answers for it" in found.sentence
