"""Two approvals for one address at the same moment, on PostgreSQL: one grant, and the other is told why."""

import pytest
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.services import reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from tests.cast import Cast, fresh, make_cast
from tests.engine.test_races import at_once
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import ADDRESS, submitted
from whitelist.models import PermittedEntry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(postgres: None, transactional_db: None) -> Cast:
    return make_cast()


def approve_both(people: Cast, first: ServiceRequest, second: ServiceRequest) -> list[object]:
    return at_once(
        *(
            lambda request=request, actor=actor: reviewing.approve(
                service_request=fresh(request),
                actor=actor,
                revision=request.revision,
                comment="Yes.",
                terms=request.kind_entry.default_terms(request, timezone.localdate()),
            )
            for request, actor in ((first, people.reviewer), (second, people.second_reviewer))
        )
    )


def test_two_requests_for_one_address_leave_one_entry(people: Cast, names: DnsServer) -> None:
    results = approve_both(people, submitted(people), submitted(people, requester=people.outsider))
    (blocked,) = [result for result in results if isinstance(result, Exception)]
    assert isinstance(blocked, ApprovalBlocked)
    (grant,) = Grant.objects.all()
    assert ADDRESS in blocked.findings[0].sentence
    assert grant.reference in blocked.findings[0].sentence
    assert PermittedEntry.objects.filter(value=ADDRESS).count() == 1
    assert ServiceRequest.objects.filter(state="in_review").count() == 1


def test_an_address_below_a_domain_that_is_granted_at_the_same_moment(people: Cast, names: DnsServer) -> None:
    domain = submitted(people, addresses=(), domains=("vendor.example",))
    reviewing.advance(
        service_request=domain, actor=people.postmaster, revision=domain.revision, comment="Seen."
    )
    address = submitted(people, requester=people.outsider)
    results = approve_both(people, fresh(domain), address)
    failed = [type(result) for result in results if isinstance(result, Exception)]
    # The address first: the domain adds to it and may follow. The domain first: the address is there already.
    values = set(PermittedEntry.objects.values_list("value", flat=True))
    assert (failed, values) in (
        ([], {ADDRESS, "vendor.example"}),
        ([ApprovalBlocked], {"vendor.example"}),
    )
