"""A From address on the mail domain itself is the requester's to lend, or its owner's to agree to (OVR-5)."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.models import DirectoryAddress
from portal.lib.outcome import Outcome
from portal.outbox.models import Notification
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering, consenting
from senders import rules
from senders.models import SenderRequest
from tests.cast import Cast, client_of, fresh
from tests.senders.cast import sender_draft, submitted

pytestmark = pytest.mark.django_db
OURS: dict[str, Any] = {
    "identity": "mail_domain",
    "sending_domain": "ttu.edu",
    "signing_domain": "ttu.edu",
    "identity_reason": "Alumni know this address.",
}


def judged(cast: Cast, address: str) -> Finding | None:
    draft = sender_draft(cast, **OURS, addresses=(address,))
    rows = {row.rule: row for row in draft.kind_entry.check(draft)}
    return rows.get(f"from:{address}") or rows.get(f"consent:{address}")


@pytest.mark.parametrize(
    ("address", "department", "owner", "words", "waivable"),
    [
        (
            "printing@ttu.edu",
            "Printing Services",
            "colleague@ttu.edu",
            "its owner, colleague@ttu.edu,",
            False,
        ),
        ("printing@ttu.edu", "Printing Services", "", "names nobody", True),
        ("colleague@ttu.edu", "Physics", "", "is a person’s own", False),
    ],
)
def test_a_strangers_address_waits_for_consent_or_a_reason(
    cast: Cast, *, address: str, department: str, owner: str, words: str, waivable: bool
) -> None:
    DirectoryAddress.objects.filter(address=address).update(department=department, owner=owner)
    found = judged(cast, address)
    assert found is not None
    assert (found.blocks, found.waivable) == (True, waivable)
    assert words in found.sentence


def asked(cast: Cast) -> ServiceRequest:
    """A request as a mailbox whose owner, the colleague, was asked."""
    DirectoryAddress.objects.filter(address="printing@ttu.edu").update(
        department="Printing Services", owner=cast.colleague.email
    )
    return submitted(cast, **OURS, addresses=("printing@ttu.edu",))


def consent_of(request: ServiceRequest) -> Finding:
    rows = fresh(request).kind_entry.check(fresh(request))
    return next(row for row in rows if row.rule == "consent:printing@ttu.edu")


def test_the_owner_of_a_mailbox_is_asked_and_agrees_on_a_page(cast: Cast, requester_client: Client) -> None:
    request = asked(cast)
    assert request.stage == "postmaster"
    email = Notification.objects.get(recipient=cast.colleague.email, subject__contains="May")
    assert "a mailbox that you own" in email.text
    row = SenderRequest.of(request).addresses.get()
    path = f"/senders/consent/{row.pk}/"
    assert path in email.text
    assert client_of(cast.outsider).get(path).status_code == 404
    assert requester_client.post(path, {"answer": "agree"}).status_code == 404
    assert consent_of(request).blocks
    owner = client_of(cast.colleague)
    page = owner.get(path).content.decode()
    assert "owner of this mailbox" in page
    assert "may send as" in page
    assert owner.post(path, {"answer": "refuse"}).status_code == 302
    assert "refused" in consent_of(request).sentence
    assert owner.post(path, {"answer": "agree"}).status_code == 302
    assert consent_of(request).outcome == Outcome.PASS
    assert request.events.filter(action="consent").count() == 2


def test_the_form_takes_a_mailbox_that_waits_for_its_owner(cast: Cast, requester_client: Client) -> None:
    draft = fresh(asked(cast))
    draft = sender_draft(cast, **OURS)
    typed = {
        "identity": "mail_domain",
        "identity_reason": "Alumni know this address.",
        "addresses": ["printing@ttu.edu"],
        "envelope_domain": "bounce.crmvendor.example",
        "revision": draft.revision,
    }
    answer = requester_client.post(f"/requests/{draft.reference}/edit/identity/", typed)
    assert answer.status_code == 302, answer.content.decode()


def test_consent_of_a_former_owner_counts_no_longer(cast: Cast) -> None:
    request = asked(cast)
    row = SenderRequest.of(request).addresses.get()
    consenting.answer(row=row, actor=cast.colleague, agree=True)
    assert consent_of(request).outcome == Outcome.PASS
    DirectoryAddress.objects.filter(address="printing@ttu.edu").update(owner=cast.outsider.email)
    assert consent_of(request).blocks


def test_an_address_that_stays_keeps_its_consent_and_a_new_one_has_none(cast: Cast) -> None:
    request = asked(cast)
    consenting.answer(row=SenderRequest.of(request).addresses.get(), actor=cast.colleague, agree=True)
    answering.write_answers(
        service_request=request, answers={"addresses": ["news@ttu.edu", "printing@ttu.edu"]}
    )
    assert consent_of(request).outcome == Outcome.PASS
    answering.write_answers(service_request=request, answers={"addresses": ["news@ttu.edu"]})
    answering.write_answers(
        service_request=request, answers={"addresses": ["news@ttu.edu", "printing@ttu.edu"]}
    )
    assert consent_of(request).blocks


def test_a_name_of_an_office_on_a_subdomain_goes_to_the_postmaster(cast: Cast) -> None:
    request = submitted(cast, addresses=("payroll@crm.ttu.edu",))
    assert [stage.key for stage in request.kind_entry.route(request)] == ["postmaster", "review"]
    found = rules.address_findings(request, ["payroll@crm.ttu.edu"], "crm.ttu.edu")
    assert [(row.blocks, "postmaster judges" in row.sentence) for row in found] == [(False, True)]


def test_the_own_departments_mailbox_and_the_own_offices_pass(cast: Cast) -> None:
    assert judged(cast, "printing@ttu.edu") is None
    assert judged(cast, cast.requester.email) is None
    DirectoryAddress.objects.create(address="helpdesk@ttu.edu", department="Physics")
    helpdesk = judged(cast, "helpdesk@ttu.edu")
    assert helpdesk is not None
    assert (helpdesk.blocks, "postmaster judges" in helpdesk.sentence) == (False, True)
    DirectoryAddress.objects.filter(address="helpdesk@ttu.edu").update(department="IT")
    helpdesk = judged(cast, "helpdesk@ttu.edu")
    assert helpdesk is not None
    assert (helpdesk.blocks, helpdesk.waivable) == (True, False)


def test_a_silent_directory_passes_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise DirectoryUnavailable

    draft = sender_draft(cast, **OURS)
    monkeypatch.setattr("portal.accounts.directory.TableDirectory.lookup", silent)
    found = rules.address_findings(draft, ["news@ttu.edu"], "ttu.edu")
    assert [row.blocks for row in found] == [True]
    assert rules.address_findings(draft, ["news@crm.ttu.edu"], "crm.ttu.edu") == []
