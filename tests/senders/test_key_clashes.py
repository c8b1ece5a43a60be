"""Keys that another permission or an earlier request uses: said, and barred unless the same owner or vendor explains it."""

from typing import Any

import pytest

from portal.grants.models import Grant
from portal.grants.services import issuing
from portal.workflow.findings import Finding
from portal.workflow.models import Intention, ServiceRequest
from portal.workflow.services import checking, requesting
from portal.workflow.services.reviewing import ApprovalBlocked
from senders import rules, services
from tests.cast import Cast, approve, fresh
from tests.senders.cast import sender_draft, submitted, waiting
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
OTHER: dict[str, Any] = {
    "sending_domain": "alumni.ttu.edu",
    "signing_domain": "alumni.ttu.edu",
    "addresses": ("news@alumni.ttu.edu",),
}


def clashes(service_request: ServiceRequest) -> list[Finding]:
    request = fresh(service_request)
    return rules.clashes(request, services.plan_of(request))


def only(service_request: ServiceRequest) -> Finding:
    (found,) = clashes(service_request)
    return found


# ---------------------------------------------------------------- one DNS name
def test_a_selector_that_an_earlier_request_asks_for_bars_the_later_one(names: DnsServer, cast: Cast) -> None:
    publish(names)
    first = submitted(cast)
    second = submitted(cast, requester=cast.outsider)
    found = only(second)
    assert (found.rule, found.clause, found.blocks, found.waivable) == ("taken:s1", "AUT-3", True, False)
    assert f"under {first.reference}, which is in review" in found.sentence
    assert clashes(first) == []
    with pytest.raises(ApprovalBlocked):
        approve(cast, second)
    requesting.withdraw(service_request=first, actor=cast.requester, revision=first.revision)
    assert clashes(second) == []


@pytest.mark.parametrize(
    ("key", "vendor", "blocks"),
    [
        ("s1 s1.dkim.crmvendor.example", "crm  VENDOR inc.", False),
        ("S1 S1.dkim.CRMvendor.example.", "CRM Vendor Inc.", False),
        ("s1 s9.dkim.crmvendor.example", "CRM Vendor Inc.", True),
        ("s1 s1.dkim.crmvendor.example", "Somebody Else", True),
    ],
)
@pytest.mark.parametrize("is_approved", [True, False])
def test_the_same_key_of_the_same_owner_and_vendor_is_explained(
    cast: Cast, names: DnsServer, *, key: str, vendor: str, blocks: bool, is_approved: bool
) -> None:
    publish(names)
    reference = waiting(cast).reference if is_approved else submitted(cast).reference
    draft = sender_draft(cast, keys=(key,), vendor=vendor)
    found = next(row for row in clashes(draft) if row.rule == "taken:s1")
    assert found.blocks is blocks
    assert reference in found.sentence


# ---------------------------------------------------------------- one target
@pytest.mark.parametrize("is_approved", [True, False])
def test_a_target_of_another_owner_and_vendor_is_said_and_bars(
    cast: Cast, names: DnsServer, *, is_approved: bool
) -> None:
    publish(names)
    reference = waiting(cast).reference if is_approved else submitted(cast).reference
    draft = sender_draft(cast, requester=cast.outsider, vendor="Somebody Else", **OTHER)
    found = only(draft)
    assert (found.blocks, found.waivable, found.rule) == (True, True, f"target:s1:{reference}")
    assert "s1._domainkey.crm.ttu.edu" in found.sentence
    for facts, words in (
        ({"requester": cast.outsider}, "of the same vendor"),
        ({"vendor": "Somebody Else"}, "of the same owner"),
    ):
        explained = only(sender_draft(cast, **OTHER | facts))
        assert (explained.blocks, words in explained.sentence) == (False, True)


def test_a_reviewer_sets_a_shared_target_aside_by_name(cast: Cast, names: DnsServer) -> None:
    publish(names)
    names.add("s1._domainkey.alumni.ttu.edu", "CNAME", "s1.dkim.crmvendor.example.")
    grant = waiting(cast)
    request = submitted(cast, requester=cast.outsider, vendor="Somebody Else", **OTHER)
    rule = f"target:s1:{grant.reference}"
    with pytest.raises(ApprovalBlocked) as barred:
        approve(cast, request)
    assert [row.rule for row in barred.value.findings] == [rule]
    checking.waive(
        service_request=fresh(request), actor=cast.reviewer, rule=rule, reason="A reseller of the vendor."
    )
    approve(cast, fresh(request))
    assert Grant.objects.filter(kind="senders").count() == 2


# ---------------------------------------------------------------- one's own
def test_nobody_holds_up_a_change_by_asking_for_its_key(cast: Cast, names: DnsServer) -> None:
    publish(names)
    grant = waiting(cast)
    Grant.objects.filter(pk=grant.pk).update(state="active")
    submitted(cast, requester=cast.outsider)
    grant.refresh_from_db()
    change = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    assert clashes(change) == []
    assert fresh(change).requester == cast.requester
