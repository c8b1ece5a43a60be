"""A renewal under way when its grant is revoked or ended: it is closed, and nothing revives the grant."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import transaction

from portal.grants.models import Grant
from portal.grants.services import issuing, managing
from portal.grants.services.transition import change_grant
from portal.grants.states import GrantAction, GrantState
from portal.lib.problems import WrongState
from portal.outbox.models import Notification
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import requesting, reviewing, withdrawing
from portal.workflow.states import State
from relay.models import RelayRequest
from tests.cast import Cast, approve, approved, client_of, fresh

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 2, 18, tzinfo=UTC)
LATER = datetime(2027, 2, 1, 18, tzinfo=UTC)
ENDINGS = [(GrantAction.REVOKE, "reviewer"), (GrantAction.END, "requester")]


def renewal_of(cast: Cast, *, is_submitted: bool = True) -> ServiceRequest:
    with time_machine.travel(BEGIN):
        grant = approved(cast)
    with time_machine.travel(LATER):
        draft = issuing.begin_renewal(grant=grant, actor=cast.requester)
        RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True)
        DraftStep.objects.update_or_create(
            service_request=draft, step="statement", defaults={"is_complete": True, "typed": {}}
        )
        if is_submitted:
            draft = fresh(draft)
            requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    return fresh(draft)


def grant_now() -> Grant:
    return Grant.objects.get()


@pytest.mark.parametrize("is_submitted", [True, False])
@pytest.mark.parametrize(("action", "who"), ENDINGS)
def test_revoking_or_ending_closes_what_was_asked(
    cast: Cast, action: GrantAction, who: str, is_submitted: bool
) -> None:
    renewal = renewal_of(cast, is_submitted=is_submitted)
    with time_machine.travel(LATER):
        managing.change_state(grant=grant_now(), action=action, actor=getattr(cast, who), reason="Gone.")
    renewal, grant = fresh(renewal), grant_now()
    assert (renewal.state, renewal.stage_role, renewal.due_on) == (State.WITHDRAWN, "", None)
    assert renewal.closed_at is not None
    assert renewal.closed_at.date() == LATER.date()
    assert (grant.state, grant.held_open_by) == (action.value + ("d" if action == "revoke" else "ed"), None)
    event = renewal.events.order_by("-id")[0]
    assert (event.actor, event.action, event.to_state) == (None, "close", State.WITHDRAWN)
    assert grant.reference in event.comment
    email = Notification.objects.get(
        unique_key=f"request_comment:{event.pk}:{cast.requester.email}", recipient=cast.requester.email
    )
    assert email.thread == renewal.reference


@pytest.mark.parametrize("action", [GrantAction.SUSPEND, GrantAction.RESUME])
def test_a_suspension_leaves_the_renewal_to_its_reviewers(cast: Cast, action: GrantAction) -> None:
    renewal = renewal_of(cast)
    with time_machine.travel(LATER):
        for step in (GrantAction.SUSPEND, GrantAction.RESUME):
            managing.change_state(grant=grant_now(), action=step, actor=cast.reviewer, reason="A look.")
            if step == action:
                break
    assert fresh(renewal).state == State.IN_REVIEW
    assert grant_now().held_open_by == renewal


@pytest.mark.parametrize("state", [GrantState.REVOKED, GrantState.ENDED])
def test_an_approval_revives_nothing(cast: Cast, state: GrantState) -> None:
    # A grant that a job ended past the managers' service leaves the renewal open: the bar holds by itself.
    renewal, grant = renewal_of(cast), grant_now()
    with time_machine.travel(LATER):
        with transaction.atomic():
            change_grant(grant=grant, action="close", actor=None, state=state, held_open_by=None)
        before = Grant.objects.values().get()
        with pytest.raises(WrongState, match="does not bring it back"):
            approve(cast, renewal)
        assert Grant.objects.values().get() == before
        assert fresh(renewal).state == State.IN_REVIEW
        assert not renewal.events.filter(action="approve").exists()
        renewal = fresh(renewal)
        reviewing.deny(
            service_request=renewal,
            actor=cast.reviewer,
            revision=renewal.revision,
            comment="It is over.",
            clauses=["REL-1"],
        )
    assert fresh(renewal).state == State.DENIED


def test_a_closed_renewal_says_why_on_its_page_and_is_not_closed_twice(cast: Cast) -> None:
    renewal = renewal_of(cast)
    with time_machine.travel(LATER):
        managing.change_state(
            grant=grant_now(), action=GrantAction.REVOKE, actor=cast.reviewer, reason="Gone."
        )
        with pytest.raises(WrongState):
            withdrawing.close_moot(service_request=fresh(renewal), comment="Again.")
        page = client_of(cast.requester).get(fresh(renewal).get_absolute_url())
    assert page.status_code == 200
    text = page.content.decode()
    assert "The request was closed" in text
    assert "Whoever needs it again files a new request." in text
