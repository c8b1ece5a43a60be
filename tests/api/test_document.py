"""Schemathesis sends what the document allows, and what it does not, to every operation: no answer is a surprise."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal.api.accounts import make_token
from portal.wsgi import application
from tests.api.test_api import ALL
from tests.cast import Cast, approved, submitted

pytestmark = pytest.mark.django_db
schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """As Django's own test client does: a call through WSGI would close the connection that the test's rows are on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(_one_connection: None, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> str:
    approved(cast)
    submitted(cast, address="129.118.10.21", host="copier-8.ttu.edu")
    # Hundreds of calls a minute are what this test is for.
    monkeypatch.setattr("portal.api.v1.refuse_over", lambda *args, **names: None)
    return make_token(actor=cast.admin, name="fuzz", owner=cast.requester, scopes=ALL, days=1)[1]


@schema.parametrize()
@settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_every_operation_answers_as_the_document_says(case: Any, token: str) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"},
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
