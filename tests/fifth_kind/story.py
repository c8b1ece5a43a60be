"""The kind of CONTRIBUTING from the guide to its renewal. Run by `test_contributing` where that kind is installed."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import issuing
from portal.grants.states import GrantState
from portal.incidents.forms import subject_of
from portal.incidents.models import About
from portal.incidents.search import permissions_about
from portal.outbox.models import Notification
from portal.workflow import registry
from portal.workflow.models import FieldChange, Intention, ServiceRequest
from portal.workflow.services import answering, requesting
from portal.workflow.services.reviewing import ApprovalBlocked
from tests.api.test_api import Program
from tests.cast import Cast, approve, client_of, fresh
from tests.engine.test_request_story import act, post_step, revision_of, words

pytestmark = pytest.mark.django_db
LIST = "physics-news@ttu.edu"
PAGES: dict[str, dict[str, Any]] = {
    "list": {"address": "physics-news", "posting": "members"},
    "people": {
        "department": "Physics",
        "purpose": "News of the department.",
        "co_owner": "colleague@ttu.edu",
    },
    "statement": {"is_attested": "on"},
}


def begun(client: Client, **people: str) -> ServiceRequest:
    """A draft with every page answered, by its pages."""
    reference = client.post(reverse("start", args=["maillist"]))["Location"].split("/")[2]
    for step, typed in (PAGES | {"people": PAGES["people"] | people}).items():
        assert post_step(client, reference, step, typed).status_code == 302, step
    return ServiceRequest.objects.get(reference=reference)


def submitted(cast: Cast) -> ServiceRequest:
    client = client_of(cast.requester)
    draft = begun(client)
    answers = f"/requests/{draft.reference}/answers/"
    page = words(client.get(answers))
    assert LIST in page
    assert client.post(answers, {"revision": revision_of(page)}).status_code == 302
    return fresh(draft)


# ---------------------------------------------------------------- guide, form, navigation
def test_the_guide_leads_to_it(cast: Cast) -> None:
    client = client_of(cast.requester)
    assert "Get a list to which many people subscribe" in words(client.get(reverse("guide")))
    answer = words(client.get(f"{reverse('guide')}?at=maillist"))
    assert reverse("start", args=["maillist"]) in answer


def test_the_form_checks_while_one_types_and_refuses_with_its_clause(cast: Cast) -> None:
    approve(cast, submitted(cast))
    client = client_of(cast.requester)
    reference = client.post(reverse("start", args=["maillist"]))["Location"].split("/")[2]
    live = client.post(f"/requests/{reference}/edit/list/check/address/", {"address": "physics-news"})
    assert "Choose another name" in words(live)
    wrong = post_step(client, reference, "list", {"address": "news@elsewhere.example", "posting": "members"})
    assert (wrong.status_code, "LST-1" in words(wrong)) == (422, True)


def test_it_is_found_in_the_queue_and_by_its_words(cast: Cast) -> None:
    request = submitted(cast)
    client = client_of(cast.reviewer)
    for address in ("/queue/?kind=maillist", "/queue/?q=physics-news", f"/search/?q={request.reference}"):
        assert request.reference in words(client.get(address, follow=True)), address


# ---------------------------------------------------------------- who may open it
@pytest.mark.parametrize(
    ("who", "status"),
    [("requester", 200), ("colleague", 200), ("outsider", 404), ("reviewer", 200), ("auditor", 200)],
)
def test_its_pages_are_for_the_same_people_as_those_of_every_kind(cast: Cast, who: str, status: int) -> None:
    grant = approve(cast, submitted(cast))
    client = client_of(getattr(cast, who))
    for address in (grant.request.get_absolute_url(), grant.get_absolute_url()):
        assert client.get(address).status_code == status, address


# ---------------------------------------------------------------- clauses, decision, permission
def test_its_clause_stands_in_the_standards_and_a_denial_cites_it(cast: Cast) -> None:
    client = client_of(cast.reviewer)
    page = words(client.get("/standards/"))
    assert "LST-1" in page
    assert "A list has an address at ttu.edu that no other list has" in page
    request = submitted(cast)
    assert act(client, request, "deny", comment="Use the other list.", clauses=["LST-1"]).status_code == 302
    assert fresh(request).state == "denied"


def test_an_approval_leaves_a_permission_for_a_year(cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    assert (grant.state, grant.subject_key) == (GrantState.ACTIVE, LIST)
    assert grant.ends_on > timezone.localdate() + timedelta(days=360)
    page = words(client_of(cast.requester).get(grant.get_absolute_url()))
    assert f"Its members may write to the list {LIST}." in page
    assert "Who writes to it" in page
    assert Notification.objects.filter(recipient=cast.requester.email, subject__contains="approved").exists()


def test_of_two_lists_of_one_name_the_later_is_barred(cast: Cast) -> None:
    first, second = submitted(cast), submitted(cast)
    approve(cast, first)
    with pytest.raises(ApprovalBlocked):
        approve(cast, second)


# ---------------------------------------------------------------- comparing, copying, the schedule
def test_a_renewal_begins_with_the_answers_and_takes_the_short_way(cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    with time_machine.travel(f"{grant.ends_on - timedelta(days=20)}T12:00:00-06:00", tick=True):
        renewal = issuing.begin_renewal(grant=grant, actor=cast.requester)
        detail = renewal.kind_entry.detail_model.of(renewal)
        assert (detail.address, detail.posting, detail.is_attested) == (LIST, "members", False)  # type: ignore[attr-defined]
        assert requesting.missing_steps(renewal) == ["statement"]
        client = client_of(cast.requester)
        assert post_step(client, renewal.reference, "statement", PAGES["statement"]).status_code == 302
        requesting.submit(
            service_request=fresh(renewal), actor=cast.requester, revision=fresh(renewal).revision
        )
        assert fresh(renewal).stage == "renewal"
        assert not FieldChange.objects.exists()
        assert approve(cast, fresh(renewal)).ends_on > grant.ends_on


def test_a_change_shows_what_is_not_as_it_was(cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    change = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    client = client_of(cast.requester)
    post_step(client, change.reference, "list", PAGES["list"] | {"posting": "owners"})
    post_step(client, change.reference, "statement", PAGES["statement"])
    requesting.submit(service_request=fresh(change), actor=cast.requester, revision=fresh(change).revision)
    found = FieldChange.objects.values_list("field", "label", "before", "after")
    assert list(found) == [("posting", "Who writes to it", "Its members", "Its owners alone")]
    assert fresh(change).stage == "review"


def test_the_daily_jobs_remind_of_it_and_end_it(cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    with time_machine.travel(f"{grant.ends_on - timedelta(days=1)}T12:00:00-06:00", tick=True):
        call_command("send_reminders")
    assert Notification.objects.filter(
        subject__contains=grant.reference, recipient=cast.requester.email
    ).exists()
    with time_machine.travel(f"{grant.ends_on + timedelta(days=1)}T12:00:00-06:00", tick=True):
        call_command("lapse_grants")
    assert Grant.objects.get(pk=grant.pk).state == GrantState.LAPSED


# ---------------------------------------------------------------- incidents, programs
def test_an_incident_about_the_address_finds_permission_and_request(cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    answered = {"address": "chess@ttu.edu", "posting": "members", "is_attested": True}
    draft = begun(client_of(cast.colleague), co_owner=cast.requester.email)
    answering.write_answers(service_request=draft, answers=answered)
    requesting.submit(service_request=fresh(draft), actor=cast.colleague, revision=fresh(draft).revision)
    assert permissions_about(subject_of(About.SYSTEM, LIST)).direct == {grant.pk: f"is the list {LIST}"}
    found = permissions_about(subject_of(About.SYSTEM, "chess@ttu.edu"))
    assert (found.direct, list(found.pending.values())) == ({}, ["asks for the list chess@ttu.edu"])


def test_a_program_files_it_and_the_document_describes_its_answers(cast: Cast) -> None:
    program = Program(cast, cast.requester)
    sent = {name: value for page in PAGES.values() for name, value in page.items()} | {"is_attested": True}
    refused = program.post("/maillist-requests", sent | {"address": "not a name"}, key="k0", status=422)
    assert "address" in str(refused)
    filed = program.post("/maillist-requests", sent)
    assert program.get(f"/requests/{filed['reference']}")["kind"] == "maillist"
    schema = program.get("/openapi.json")["components"]["schemas"]["MaillistAnswers"]
    assert set(schema["required"]) == {"address", "posting", "department", "purpose", "is_attested"}
    assert "One of members, owners." in schema["properties"]["posting"]["description"]


def test_it_is_a_kind_like_the_others() -> None:
    assert [kind.key for kind in registry.kinds()][-1] == "maillist"
