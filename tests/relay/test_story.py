"""The relay line through services: request, question, answer, decision, grant."""

import pytest
from django.utils import timezone

from portal.grants.states import GrantState
from portal.outbox.models import Notification
from portal.workflow.models import FieldChange
from portal.workflow.services import answering, consenting, requesting, reviewing
from relay.models import RelayRequest
from tests.cast import Cast, approve, approved, fresh, submitted

pytestmark = pytest.mark.django_db


def test_an_approval_leaves_a_grant_for_a_year(cast: Cast) -> None:
    grant = approved(cast)
    assert grant.state == GrantState.ACTIVE
    assert grant.owner == cast.requester
    assert grant.is_in_force(timezone.localdate())
    assert 363 <= (grant.ends_on - grant.starts_on).days <= 365
    assert [row.address for row in grant.relay.senders.all()] == ["noreply-lab@ttu.edu"]


def test_what_changed_after_a_question_is_kept_field_by_field(cast: Cast) -> None:
    request = submitted(cast)
    reviewing.ask(
        service_request=request,
        actor=cast.reviewer,
        revision=request.revision,
        questions=[("hostname", "Is this the new copier?")],
    )
    request = fresh(request)
    answering.write_columns(detail=RelayRequest.of(request), columns={"hostname": "copier-8.ttu.edu"})
    question = request.questions.get()
    requesting.resubmit(
        service_request=request,
        actor=cast.requester,
        revision=request.revision,
        answers={question.pk: "Yes, the new one."},
    )
    change = FieldChange.objects.get()
    assert (change.field, change.before, change.after) == ("hostname", "copier-7.ttu.edu", "copier-8.ttu.edu")


def test_an_address_in_force_is_refused_to_others_with_its_holder(cast: Cast) -> None:
    grant = approved(cast)
    other = submitted(cast, requester=cast.outsider)
    with pytest.raises(reviewing.ApprovalBlocked) as caught:
        approve(cast, other)
    assert any(grant.reference in finding.sentence for finding in caught.value.findings)


def test_a_persons_own_address_waits_for_that_persons_consent(cast: Cast) -> None:
    request = submitted(cast, sender=cast.colleague.email)
    assert Notification.objects.filter(recipient=cast.colleague.email, subject__contains="May").exists()
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, request)
    sender = RelayRequest.of(fresh(request)).senders.get()
    consenting.answer(row=sender, actor=cast.colleague, agree=True)
    assert approve(cast, fresh(request)).state == GrantState.ACTIVE
