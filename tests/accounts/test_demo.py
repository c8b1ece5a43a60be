"""The demonstration: filed through the forms, once, and with something of every standing to look at."""

import io
from itertools import product

import pytest
from django.core.management import CommandError, call_command

from portal.accounts.models import people_with_role
from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.registry import KINDS
from portal.workflow.states import State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody")]


def test_it_files_requests_of_every_kind_that_has_some_and_running_again_changes_nothing(
    settings: pytest.FixtureRequest,
) -> None:
    settings.DEMO_ACCOUNTS = True  # type: ignore[attr-defined]
    out = io.StringIO()
    call_command("load_demo", stdout=out)
    assert "reviewer@ttu.edu" in out.getvalue()
    states = set(ServiceRequest.objects.filter(kind="relay").values_list("state", flat=True))
    assert states == {State.DRAFT, State.IN_REVIEW, State.NEEDS_INFORMATION, State.APPROVED}
    assert set(ServiceRequest.objects.values_list("kind", flat=True)) >= {"relay", "senders", "whitelist"}
    assert Grant.objects.filter(kind="relay").count() == 2
    before = ServiceRequest.objects.count()
    call_command("load_demo", stdout=io.StringIO())
    assert ServiceRequest.objects.count() == before


def test_every_route_has_somebody_else_for_each_of_its_stages(settings: pytest.FixtureRequest) -> None:
    settings.DEMO_ACCOUNTS = True  # type: ignore[attr-defined]
    out = io.StringIO()
    call_command("load_demo", stdout=out)
    assert "second-reviewer@ttu.edu" in out.getvalue()
    for kind in KINDS:
        people = [list(people_with_role([stage.role])) for stage in kind.stages if stage.key != "renewal"]
        walks = [walk for walk in product(*people) if len(set(walk)) == len(walk)]
        assert walks, kind.label


def test_there_is_none_in_production(settings: pytest.FixtureRequest) -> None:
    settings.DEMO_ACCOUNTS = False  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("load_demo")
