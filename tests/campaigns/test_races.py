"""Two approvals that want the last place of a budget at the same moment, on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.grants.models import Grant
from portal.institution import Population
from portal.workflow.services import reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from tests.campaigns.cast import free_days, submitted
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
    results = at_once(*(
        lambda request=request: reviewing.approve(
            service_request=fresh(request), actor=people.cio, revision=request.revision, comment="Yes.",
            terms=request.kind_entry.default_terms(request, timezone.localdate()),
        )
        for request in (first, second)
    ))  # fmt: skip
    (blocked,) = [result for result in results if isinstance(result, Exception)]
    assert isinstance(blocked, ApprovalBlocked)
    assert [finding.rule for finding in blocked.findings] == ["budget:students"]
    assert Grant.objects.count() == 1
