"""Lists and the API say which relay permissions have not shown that their mail is signed, at the same cost for any number."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.api import reading
from portal.grants.models import Grant
from portal.grants.services import issuing
from portal.samples.models import SignedSample, SigningProof
from portal.samples.selectors import marks_of, proofs_of
from portal.workflow.models import Intention, ServiceRequest
from tests.cast import Cast, approved, client_of, submitted

pytestmark = pytest.mark.django_db


def prove(grant: Grant) -> SigningProof:
    sample = SignedSample.objects.create(
        service_request=grant.request, source="probe", sha256="0" * 64, size=1, file="x", is_proof=True
    )
    return SigningProof.objects.create(
        grant=grant,
        sample=sample,
        from_address="noreply-lab@ttu.edu",
        signing_domain="ttu.edu",
        proven_at=timezone.now(),
    )


def shown(grant: Grant) -> Any:
    grant.refresh_from_db()
    return reading.as_grants([grant])[0]["proof"]


def test_the_api_says_whether_and_when_it_was_proven(cast: Cast) -> None:
    grant, today = approved(cast), timezone.localdate()
    assert shown(grant) == {"status": "awaited", "proven_at": None, "awaited_since": today}
    long_ago = timezone.now() - timedelta(days=20)
    Grant.objects.filter(pk=grant.pk).update(created_at=long_ago, starts_on=timezone.localdate(long_ago))
    assert shown(grant)["status"] == "overdue"
    proof = prove(grant)
    assert shown(grant) == {"status": "proven", "proven_at": proof.proven_at, "awaited_since": None}
    SigningProof.objects.update(outdated_at=timezone.now())
    assert shown(grant)["status"] == "overdue"
    Grant.objects.filter(pk=grant.pk).update(state="revoked")
    assert shown(grant) is None


def test_lists_mark_it_until_it_is_proven(cast: Cast) -> None:
    grant = approved(cast)
    change = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    ServiceRequest.objects.filter(pk=change.pk).update(
        state="in_review",
        stage="review",
        stage_role="it_reviewer",
        submitted_at=timezone.now(),
        due_on=timezone.localdate(),
    )
    other = submitted(cast, address="129.118.10.30")
    reviewer, requester = client_of(cast.reviewer), client_of(cast.requester)
    lists = (
        (reviewer, "/queue/"),
        (reviewer, "/queue/?tab=all"),
        (reviewer, "/search/?q=copier"),
        (requester, "/requests/"),
    )
    for client, path in lists:
        assert "Not proven signed yet" in client.get(path).content.decode(), path
    assert set(marks_of(list(ServiceRequest.objects.all()))) == {grant.request_id, change.pk}
    assert other.pk not in marks_of([other])
    prove(grant)
    for client, path in lists:
        assert "Not proven signed" not in client.get(path).content.decode(), path


def test_it_costs_the_same_for_any_number(cast: Cast) -> None:
    def asked() -> list[int]:
        counts = []
        for source in (lambda: proofs_of(grants), lambda: marks_of(rows)):
            with CaptureQueriesContext(connection) as captured:
                source()
            counts.append(len(captured))
        return counts

    approved(cast)
    grants, rows = list(Grant.objects.all()), list(ServiceRequest.objects.all())
    few = asked()
    for number in range(5):
        approved(cast, address=f"129.118.10.{40 + number}")
    grants, rows = list(Grant.objects.all()), list(ServiceRequest.objects.all())
    assert asked() == few == [1, 2]
