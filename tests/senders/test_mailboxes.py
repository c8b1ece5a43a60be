"""A From address on the mail domain itself is the requester's to lend, or its owner's to agree to (OVR-5)."""

from typing import Any

import pytest

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.models import DirectoryAddress
from portal.workflow.findings import Finding
from senders import rules
from tests.cast import Cast
from tests.senders.cast import sender_draft

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
    return rows.get(f"from:{address}")


@pytest.mark.parametrize(
    ("address", "department", "owner", "words"),
    [
        ("printing@ttu.edu", "Printing Services", "colleague@ttu.edu", "colleague@ttu.edu has to agree"),
        ("printing@ttu.edu", "Printing Services", "", "names nobody"),
        ("colleague@ttu.edu", "Physics", "", "another person’s own address"),
    ],
)
def test_a_strangers_address_is_lent_with_a_reason_alone(
    cast: Cast, address: str, department: str, owner: str, words: str
) -> None:
    DirectoryAddress.objects.filter(address=address).update(department=department, owner=owner)
    found = judged(cast, address)
    assert found is not None
    assert (found.blocks, found.waivable) == (True, True)
    assert words in found.sentence


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

    monkeypatch.setattr("portal.accounts.directory.TableDirectory.lookup", silent)
    found = rules.address_findings(["news@ttu.edu"], "ttu.edu", cast.requester.email)
    assert [row.blocks for row in found] == [True]
    assert rules.address_findings(["news@crm.ttu.edu"], "crm.ttu.edu", cast.requester.email) == []
