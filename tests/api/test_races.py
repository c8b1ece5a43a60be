"""Two calls with one key at the same moment, on PostgreSQL: one files, the other is told."""

import json

import pytest

from portal.api.models import KeptCall
from portal.workflow.models import ServiceRequest
from tests.api.test_api import ANSWERS, Program
from tests.cast import Cast, make_cast
from tests.engine.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _postgres(postgres: None) -> None:
    """Unique keys that wait for one another are PostgreSQL's; SQLite takes one writer at a time."""


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


def test_two_calls_with_one_key_file_once(people: Cast) -> None:
    program = Program(people, people.requester)

    def call() -> int:
        answer = program.client.post(
            "/api/v1/relay-requests",
            json.dumps(ANSWERS),
            content_type="application/json",
            headers={"Idempotency-Key": "same"},
        )
        return answer.status_code

    statuses = sorted(at_once(call, call, call))
    assert statuses.count(201) >= 1
    assert set(statuses) <= {201, 409}
    assert ServiceRequest.objects.count() == 1
    assert KeptCall.objects.get().status == 201
