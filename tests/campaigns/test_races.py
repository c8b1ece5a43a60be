"""At the same moment, on PostgreSQL: approvals for the last place of a budget, messages to a large list, a revocation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from campaigns.models import ListUse
from portal.grants.models import Grant, GrantEvent
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.institution import Population
from portal.workflow.services import reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from tests.campaigns.cast import free_days, submitted
from tests.campaigns.gated import STAFF, STUDENTS, judge, sending_now
from tests.cast import Cast, fresh, make_cast
from tests.engine.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(postgres: None, transactional_db: None) -> Cast:
    return make_cast()


def test_two_surveys_for_the_last_place_of_a_budget_leave_one(people: Cast, settings: Any) -> None:
    last_place = (Population("students", "Students", survey_budget=1),)
    settings.INSTITUTION = replace(
        settings.INSTITUTION, populations=last_place, survey_year_month=timezone.localdate().month
    )
    day = free_days()
    first = submitted(people, first=day)
    second = submitted(people, requester=people.outsider, first=day + timedelta(days=7))
    results = at_once(
        *(
            lambda request=request: reviewing.approve(
                service_request=fresh(request),
                actor=people.cio,
                revision=request.revision,
                comment="Yes.",
                terms=request.kind_entry.default_terms(request, timezone.localdate()),
            )
            for request in (first, second)
        )
    )
    (blocked,) = [result for result in results if isinstance(result, Exception)]
    assert isinstance(blocked, ApprovalBlocked)
    assert [finding.rule for finding in blocked.findings] == ["budget:students"]
    assert Grant.objects.count() == 1


def test_of_messages_at_the_same_moment_one_passes_to_a_list(people: Cast) -> None:
    sending_now(people, people={"students": 1, "staff": 1})
    results = at_once(
        *(lambda number=number: judge(STUDENTS, STAFF, queue_id=f"Q{number}") for number in range(6))
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    assert results.count("") == 1
    assert all("may be sent there once" in one for one in results if one)
    assert set(ListUse.objects.values_list("queue_id", flat=True).distinct()) <= {f"Q{n}" for n in range(6)}
    assert ListUse.objects.count() == 2


def test_the_constraint_alone_would_hold(people: Cast) -> None:
    grant = sending_now(people)
    judge()
    use = ListUse.objects.get(permission=grant.pk)
    use.pk = None
    with pytest.raises(IntegrityError):
        use.save(force_insert=True)


def test_a_message_and_a_revocation_at_the_same_moment_agree(people: Cast) -> None:
    """Either the message was first, or it is refused: a revocation that is done lets nothing pass."""
    grant = sending_now(people)

    def revoke() -> str:
        managing.change_state(
            grant=Grant.objects.get(pk=grant.pk), action=GrantAction.REVOKE, actor=people.cio, reason="Stop."
        )
        return "revoked"

    said, done = at_once(judge, revoke)
    assert done == "revoked"
    actions = list(GrantEvent.objects.filter(grant=grant).order_by("pk").values_list("action", flat=True))
    assert actions[-1] == "revoke"
    assert ("list_pass" in actions) is (said == "")
    assert "was revoked" in judge()
