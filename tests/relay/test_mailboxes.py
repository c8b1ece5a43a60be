"""Whose a mailbox is (REL-3, OVR-5): a shared one is its department's to lend, or its owner's to agree to."""

import pytest
from django.test import Client

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.mailboxes import Tie, mailboxes_for
from portal.accounts.models import AddressKind, DirectoryAddress
from portal.grants.states import GrantState
from portal.lib.outcome import Outcome
from portal.outbox.models import Notification
from portal.workflow.findings import rule_for
from portal.workflow.models import ServiceRequest, StoredFinding
from portal.workflow.services import checking, consenting, requesting, reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from relay import rules, services
from relay.models import RelayRequest
from tests.cast import Cast, approve, client_of, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db
PRINTING = "campus-printing@ttu.edu"


def mailbox(address: str, department: str = "", owner: str = "", kind: str = AddressKind.SHARED) -> str:
    DirectoryAddress.objects.create(address=address, kind=kind, department=department, owner=owner)
    return address


def tie(cast: Cast, address: str) -> Tie:
    return mailboxes_for(cast.requester.email, [address])[address].tie


@pytest.mark.parametrize(
    ("department", "owner", "expected"),
    [
        ("Physics", "", Tie.OWN),
        ("  physics ", "", Tie.OWN),
        ("Printing", "", Tie.OWNERLESS),
        ("", "", Tie.OWNERLESS),
        ("Printing", "requester@ttu.edu", Tie.OWN),
        ("Printing", "colleague@ttu.edu", Tie.CONSENT),
        ("", "colleague@ttu.edu", Tie.CONSENT),
        ("Printing", "left@ttu.edu", Tie.OWNERLESS),  # The owner is in the directory no longer.
        ("Printing", "alerts@ttu.edu", Tie.OWNERLESS),  # A mailbox agrees to nothing.
    ],
)
@pytest.mark.parametrize("kind", [AddressKind.SHARED, AddressKind.LIST])
def test_the_tie_of_a_mailbox_is_what_the_directory_says(
    cast: Cast, kind: str, department: str, owner: str, expected: Tie
) -> None:
    assert tie(cast, mailbox(PRINTING, department, owner, kind)) is expected


def test_what_a_person_typed_as_their_department_counts_for_nothing(cast: Cast) -> None:
    DirectoryAddress.objects.filter(address=cast.requester.email).update(department="Chemistry")
    assert tie(cast, mailbox(PRINTING, "Physics")) is Tie.OWNERLESS
    DirectoryAddress.objects.filter(address=cast.requester.email).delete()
    assert tie(cast, PRINTING) is Tie.OWNERLESS
    assert tie(cast, mailbox("nowhere@ttu.edu", "")) is Tie.OWNERLESS


@pytest.mark.parametrize(
    ("department", "owner", "expected"),
    [
        ("Physics", "", Tie.OFFICE),
        ("IT", "requester@ttu.edu", Tie.OFFICE),
        ("IT", "colleague@ttu.edu", Tie.FORBIDDEN),
    ],
)
def test_a_privileged_mailbox_is_its_own_offices_alone(
    cast: Cast, department: str, owner: str, expected: Tie
) -> None:
    assert tie(cast, mailbox("helpdesk@ttu.edu", department, owner)) is expected


def test_a_privileged_mailbox_of_the_own_office_goes_to_the_postmaster(cast: Cast) -> None:
    helpdesk = mailbox("helpdesk@ttu.edu", "Physics")
    request = submitted(cast, sender=helpdesk)
    assert (request.stage, [stage.key for stage in request.kind_entry.route(request)]) == (
        "postmaster",
        ["postmaster", "review"],
    )
    reviewing.advance(service_request=request, actor=cast.postmaster, revision=request.revision)
    assert approve(cast, fresh(request)).state == GrantState.ACTIVE


def test_a_privileged_mailbox_of_another_office_stays_refused(cast: Cast, requester_client: Client) -> None:
    helpdesk = mailbox("helpdesk@ttu.edu", "IT", cast.reviewer.email)
    draft = relay_draft(cast)
    answer = requester_client.post(
        f"/requests/{draft.reference}/edit/senders/", {"senders": [helpdesk], "revision": draft.revision}
    )
    assert (answer.status_code, "OVR-5" in answer.content.decode()) == (422, True)
    with pytest.raises(ApprovalBlocked):
        approve_past_postmaster(cast, submitted(cast, sender=helpdesk))


def approve_past_postmaster(cast: Cast, request: ServiceRequest) -> None:
    reviewing.advance(service_request=request, actor=cast.postmaster, revision=request.revision)


# ---------------------------------------------------------------- consent of the owner
def test_a_mailbox_of_another_department_waits_for_its_owners_consent(
    cast: Cast, requester_client: Client
) -> None:
    mailbox(PRINTING, "Printing Services", cast.colleague.email)
    draft = relay_draft(cast)
    answer = requester_client.post(
        f"/requests/{draft.reference}/edit/senders/", {"senders": [PRINTING], "revision": draft.revision}
    )
    assert answer.status_code == 302, answer.content.decode()
    requesting.submit(service_request=fresh(draft), actor=cast.requester, revision=fresh(draft).revision)
    request = fresh(draft)
    email = Notification.objects.get(recipient=cast.colleague.email, subject__contains="May")
    assert "a mailbox that you own" in email.text
    with pytest.raises(ApprovalBlocked) as barred:
        approve(cast, request)
    assert "a mailbox of Printing Services" in barred.value.findings[0].sentence
    sender = RelayRequest.of(fresh(request)).senders.get()
    path = f"/relay/consent/{sender.pk}/"
    assert client_of(cast.outsider).get(path).status_code == 404
    assert requester_client.post(path, {"answer": "agree"}).status_code == 404
    owner = client_of(cast.colleague)
    page = owner.get(path).content.decode()
    assert "owner of this mailbox" in page
    assert "may relay through" in page
    assert owner.post(path, {"answer": "agree"}).status_code == 302
    assert approve(cast, fresh(request)).state == GrantState.ACTIVE


def test_consent_of_a_former_owner_counts_no_longer(cast: Cast) -> None:
    mailbox(PRINTING, "Printing", cast.colleague.email)
    request = submitted(cast, sender=PRINTING)
    consenting.answer(row=RelayRequest.of(fresh(request)).senders.get(), actor=cast.colleague, agree=True)
    DirectoryAddress.objects.filter(address=PRINTING).update(owner=cast.sponsor.email)
    with pytest.raises(ApprovalBlocked):
        approve(cast, fresh(request))
    services.ask_consent(
        service_request=fresh(request), needed=rules.consent_needed(fresh(request)), actor=cast.requester
    )
    assert Notification.objects.filter(recipient=cast.sponsor.email, subject__contains="May").count() == 1
    sender = RelayRequest.of(fresh(request)).senders.get()
    assert (sender.asked_of, sender.consent_given_at) == (cast.sponsor.email, None)


def test_an_owner_who_files_the_request_has_agreed_and_nobody_is_asked_twice(cast: Cast) -> None:
    mailbox(PRINTING, "Printing", cast.colleague.email)
    request = submitted(cast, sender=PRINTING)
    needed = rules.consent_needed(request)
    assert needed == {PRINTING: cast.colleague.email}
    assert services.ask_consent(service_request=request, needed=needed, actor=cast.requester) == 0
    assert Notification.objects.filter(subject__contains="May").count() == 1
    assert services.ask_consent(service_request=request, needed=needed, actor=cast.colleague) == 0
    found = rules.sender_findings(fresh(request), [PRINTING])[0]
    assert found.outcome == Outcome.PASS


def test_a_mailbox_that_nobody_answers_for_never_passes_in_silence(cast: Cast) -> None:
    request = submitted(cast, sender=mailbox(PRINTING, "Printing"))
    with pytest.raises(ApprovalBlocked) as barred:
        approve(cast, request)
    finding = barred.value.findings[0]
    assert (finding.clause, finding.waivable) == ("REL-3", True)
    assert "names nobody who answers for it" in finding.sentence
    checking.waive(
        service_request=fresh(request),
        actor=cast.reviewer,
        rule=finding.rule,
        reason="Printing agreed by phone.",
    )
    assert approve(cast, fresh(request)).state == GrantState.ACTIVE


def test_a_silent_directory_passes_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    request = submitted(cast)

    def silent(*_: object) -> None:
        raise DirectoryUnavailable

    monkeypatch.setattr("portal.accounts.directory.TableDirectory.lookup", silent)
    with pytest.raises(ApprovalBlocked):
        approve(cast, request)


def test_the_longest_address_has_a_rule_that_fits_its_column(cast: Cast) -> None:
    long, other = (mailbox(f"{name * 62}@ttu.edu", "Printing", cast.colleague.email) for name in "ab")
    assert rule_for("consent", long) != rule_for("consent", other)
    request = submitted(cast, sender=long)
    longest = StoredFinding._meta.get_field("rule").max_length
    assert longest is not None
    assert all(len(finding.rule) <= longest for finding in StoredFinding.objects.all())
    assert Notification.objects.filter(recipient=cast.colleague.email, subject__contains="May").exists()
    consenting.answer(row=RelayRequest.of(fresh(request)).senders.get(), actor=cast.colleague, agree=True)
    assert approve(cast, fresh(request)).state == GrantState.ACTIVE


# ---------------------------------------------------------------- the other addresses of the form
@pytest.mark.parametrize(
    ("bounce", "words"),
    [
        ("ghost@ttu.edu", "does not know"),
        ("president@ttu.edu", "OVR-5"),
        ("someone@example.com", "REL-3"),
    ],
)
def test_a_bounce_address_is_one_that_exists(
    cast: Cast, requester_client: Client, bounce: str, words: str
) -> None:
    draft = relay_draft(cast)
    answer = requester_client.post(
        f"/requests/{draft.reference}/edit/senders/",
        {"senders": ["noreply-lab@ttu.edu"], "bounce_address": bounce, "revision": draft.revision},
    )
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_bounces_go_to_no_strangers_mailbox_without_a_reason(cast: Cast) -> None:
    mailbox(PRINTING, "Printing", cast.colleague.email)
    for bounce, blocks in (
        (PRINTING, True),
        (cast.colleague.email, True),
        ("alerts@ttu.edu", False),
        ("", False),
    ):
        found = rules.bounce_findings(relay_draft(cast), bounce, ["noreply-lab@ttu.edu"])
        assert [finding.blocks for finding in found] == ([blocks] if bounce else [])
        assert all(finding.waivable for finding in found if finding.blocks)
    assert rules.bounce_findings(relay_draft(cast), PRINTING, [PRINTING]) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (PRINTING, "belongs to Printing Services"),
        ("colleague@ttu.edu", "own address"),
        ("alerts@ttu.edu", ""),
        ("unlisted@ttu.edu", ""),
    ],
)
def test_nobody_signs_up_a_strangers_mailbox_for_notices(
    cast: Cast, requester_client: Client, address: str, words: str
) -> None:
    mailbox(PRINTING, "Printing Services", cast.colleague.email)
    DirectoryAddress.objects.filter(address="colleague@ttu.edu").update(department="")
    draft = relay_draft(cast)
    answer = requester_client.post(
        f"/requests/{draft.reference}/edit/people/",
        {
            "department": "Physics",
            "purpose": "Scans",
            "functional_mailbox": address,
            "revision": draft.revision,
        },
    )
    assert answer.status_code == (422 if words else 302)
    assert words in answer.content.decode()
