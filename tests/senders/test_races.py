"""Two approvals for one selector at the same moment, on PostgreSQL; and two samples that prove one grant."""

import pytest
from django.utils import timezone

from portal.grants.models import Grant, GrantEvent
from portal.grants.states import GrantState
from portal.outbox.models import Notification
from portal.samples import services as samples
from portal.samples.models import SignedSample
from portal.workflow.services import reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from senders.models import AuthorizedSelector
from tests.cast import Cast, fresh, make_cast
from tests.engine.test_races import at_once
from tests.senders.cast import signed, submitted, waiting
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(postgres: None, transactional_db: None) -> Cast:
    return make_cast()


def test_two_requests_for_one_selector_leave_one_authorization(people: Cast, names: DnsServer) -> None:
    first, second = submitted(people), submitted(people, requester=people.outsider)
    results = at_once(
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
    (blocked,) = [result for result in results if isinstance(result, Exception)]
    assert isinstance(blocked, ApprovalBlocked)
    (grant,) = Grant.objects.all()
    assert grant.reference in blocked.findings[0].sentence
    assert AuthorizedSelector.objects.count() == 1


def test_two_samples_at_once_prove_a_grant_once(people: Cast, published: DnsServer) -> None:
    grant = waiting(people)
    both = [
        samples.receive_sample(
            service_request=grant.request, raw=signed(words=words), source=SignedSample.Source.PROBE
        )
        for words in ("one", "two")
    ]
    results = at_once(*(lambda one=one: samples.judge_sample(sample=one) for one in both))
    assert not [result for result in results if isinstance(result, Exception)], results
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE
    assert GrantEvent.objects.filter(grant=grant, action="prove").count() == 1
    told = Notification.objects.filter(
        unique_key__startswith="grant_changed:", recipient=people.requester.email
    )
    assert told.count() == 1
