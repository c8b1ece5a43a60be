"""Nobody decides what they ever had a part in: requester, co-owner, sponsor, editor, holder, or decider of another stage."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.models import Grant, Handover
from portal.grants.services import issuing, managing
from portal.institution import institution
from portal.lib.problems import NotAllowed
from portal.outbox.models import Notification
from portal.workflow import registry
from portal.workflow.forms import StepForm
from portal.workflow.models import DraftStep, Part, Participation, ServiceRequest
from portal.workflow.policies import available_actions, is_decider
from portal.workflow.selectors import tab_counts, tab_queue
from portal.workflow.services import checking, escalating, requesting, reviewing
from portal.workflow.states import Action
from relay.models import RelayRequest
from tests.campaigns import cast as campaigns
from tests.cast import Cast, approve, approved, client_of, fresh, make_cast, relay_draft, submitted
from tests.support.pages import flat

pytestmark = pytest.mark.django_db


def again(person: User) -> User:
    return User.objects.get(pk=person.pk)


def give(person: User, *roles: Role) -> User:
    for role in roles:
        person.groups.add(Group.objects.get_or_create(name=str(role))[0])
    return again(person)


def save_people(request: ServiceRequest, actor: User, **people: Any) -> None:
    """Save the page of people as `actor` does, with co-owner and sponsor as given."""

    class Page(StepForm):
        """Stands for the valid form of the page."""

        def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
            return {}

        def save(self) -> None:
            for name, person in people.items():
                setattr(request, name, person)

    requesting.save_step(
        service_request=request, actor=actor, step="people", form=Page(request), revision=request.revision
    )


def refused(request: ServiceRequest, actor: User) -> str:
    """The sentence with which `actor` is kept from approving, by service and page, and that no list offers it to them."""
    held = fresh(request)
    terms = held.kind_entry.default_terms(held, timezone.localdate())
    with pytest.raises(NotAllowed) as error:
        reviewing.approve(
            service_request=held, actor=again(actor), revision=held.revision, comment="Yes.", terms=terms
        )
    client = client_of(actor)
    data = {
        "approve-revision": held.revision,
        "approve-comment": "Yes.",
        "approve-ends_on": terms.ends_on.isoformat(),
    }
    assert client.post(f"/requests/{held.reference}/do/approve/", data).status_code == 403
    assert not tab_queue(again(actor), "role", timezone.localdate()).filter(pk=held.pk).exists()
    assert fresh(request).state == "in_review"
    return str(error.value)


# ---------------------------------------------------------------- ever named
@pytest.mark.parametrize("part", ["co_owner", "sponsor"])
def test_named_once_in_a_draft_and_taken_out_before_it_was_sent(cast: Cast, part: str) -> None:
    draft = relay_draft(cast)
    save_people(draft, cast.requester, **{part: cast.reviewer})
    save_people(fresh(draft), cast.requester, **{part: None})
    draft = fresh(draft)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    word = {"co_owner": "co-owner", "sponsor": "sponsor"}[part]
    assert f"You were named as its {word}" in refused(draft, cast.reviewer)
    assert is_decider(fresh(draft), again(cast.second_reviewer))


def test_the_co_owner_who_edits_and_empties_the_field_does_not_approve(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.reviewer)
    reviewing.ask(
        service_request=fresh(request),
        actor=cast.second_reviewer,
        revision=request.revision,
        questions=[("", "Why?")],
    )
    request = fresh(request)
    save_people(request, again(cast.reviewer), co_owner=None)
    request = fresh(request)
    answers = {question.pk: "So." for question in request.questions.all()}
    requesting.resubmit(
        service_request=request, actor=cast.requester, revision=request.revision, answers=answers
    )
    assert fresh(request).co_owner is None
    assert "so somebody else decides it" in refused(request, cast.reviewer)
    for action in ("take", "ask", "deny"):
        assert action not in available_actions(fresh(request), again(cast.reviewer))


def test_parts_are_kept_once_and_in_the_order_they_came(cast: Cast) -> None:
    draft = relay_draft(cast, co_owner=cast.colleague, sponsor=cast.sponsor)
    save_people(draft, cast.colleague, co_owner=cast.colleague)
    save_people(fresh(draft), cast.colleague, co_owner=cast.colleague)
    rows = Participation.objects.filter(service_request=draft).values_list("person", "part")
    assert sorted(rows) == sorted(
        [
            (cast.requester.pk, "requester"),
            (cast.colleague.pk, "co_owner"),
            (cast.sponsor.pk, "sponsor"),
            (cast.colleague.pk, "editor"),
        ]
    )


# ---------------------------------------------------------------- stages
def mail_server(cast: Cast) -> ServiceRequest:
    draft = relay_draft(cast)
    RelayRequest.objects.filter(pk=draft.pk).update(system_kind="mail_server")
    for step in draft.kind_entry.steps_for(fresh(draft)):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True}
        )
    draft = fresh(draft)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    return fresh(draft)


def test_one_person_never_passes_both_the_postmaster_s_stage_and_it_s(cast: Cast) -> None:
    both = give(cast.postmaster, Role.REVIEWER)
    request = mail_server(cast)
    reviewing.advance(service_request=request, actor=both, revision=request.revision)
    assert "You decided the stage" in refused(request, both)
    assert is_decider(fresh(request), again(cast.reviewer))


def test_it_and_the_cio_s_office_in_one_person_do_not_sign_a_campaign_off(cast: Cast) -> None:
    both = give(cast.reviewer, Role.CIO)
    request = campaigns.submitted(cast, kind="notice")
    reviewing.advance(service_request=request, actor=both, revision=request.revision)
    assert fresh(request).stage_role == str(Role.CIO)
    assert "You decided the stage" in refused(request, both)
    assert is_decider(fresh(request), again(cast.cio))


def test_the_institution_may_let_one_person_pass_several_stages(cast: Cast, settings: Any) -> None:
    settings.INSTITUTION = replace(institution(), one_person_one_stage=False)
    both = give(cast.postmaster, Role.REVIEWER)
    request = mail_server(cast)
    reviewing.advance(service_request=request, actor=both, revision=request.revision)
    assert is_decider(fresh(request), again(both))
    assert tab_queue(again(both), "role", timezone.localdate()).filter(pk=request.pk).exists()
    assert tab_counts(again(both))["role"] == 1


def test_who_asked_at_a_stage_decides_it_still(cast: Cast) -> None:
    request = submitted(cast)
    reviewing.ask(
        service_request=request, actor=cast.reviewer, revision=request.revision, questions=[("", "Why?")]
    )
    request = fresh(request)
    answers = {question.pk: "So." for question in request.questions.all()}
    requesting.resubmit(
        service_request=request, actor=cast.requester, revision=request.revision, answers=answers
    )
    assert is_decider(fresh(request), again(cast.reviewer))


# ---------------------------------------------------------------- permissions
def renewal(grant: Grant, actor: User) -> ServiceRequest:
    draft = issuing.begin_renewal(grant=grant, actor=actor, intention="change")  # type: ignore[arg-type]
    RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True)
    for step in draft.kind_entry.steps_for(draft):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True}
        )
    draft = fresh(draft)
    requesting.submit(service_request=draft, actor=actor, revision=draft.revision)
    return fresh(draft)


def test_who_is_given_the_permission_while_its_renewal_waits_does_not_decide_it(cast: Cast) -> None:
    grant = approved(cast)
    request = renewal(grant, cast.requester)
    managing.hand_over(grant=grant, actor=cast.requester, to=cast.reviewer)
    assert "were offered the permission" in refused(request, cast.reviewer)
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.reviewer, accept=True)
    refused(request, cast.reviewer)


def test_who_declined_an_offer_does_not_decide_either(cast: Cast) -> None:
    grant = approved(cast)
    request = renewal(grant, cast.requester)
    managing.hand_over(grant=grant, actor=cast.requester, to=cast.reviewer)
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.reviewer, accept=False)
    refused(request, cast.reviewer)


def test_an_offer_made_before_the_renewal_counts(cast: Cast) -> None:
    grant = approved(cast)
    managing.hand_over(grant=grant, actor=cast.requester, to=cast.reviewer)
    refused(renewal(grant, cast.requester), cast.reviewer)


def test_who_filed_what_is_in_force_and_gave_it_away_does_not_decide_its_renewal(cast: Cast) -> None:
    grant = approve(cast, submitted(cast, requester=cast.reviewer), actor=cast.second_reviewer)
    managing.hand_over(grant=grant, actor=cast.reviewer, to=cast.requester)
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.requester, accept=True)
    grant = Grant.objects.get(pk=grant.pk)
    assert Handover.objects.get().accepted
    refused(renewal(grant, cast.requester), cast.reviewer)


def test_deciding_the_first_request_leaves_the_renewal_open_to_the_same_person(cast: Cast) -> None:
    grant = approved(cast)
    assert is_decider(renewal(grant, cast.requester), again(cast.reviewer))


# ---------------------------------------------------------------- what the pages say
def test_the_page_says_why_and_a_deadlock_is_seen(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.reviewer)
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "You were named as its co-owner" in page
    assert 'id="stuck"' not in page
    cast.second_reviewer.groups.clear()
    page = flat(client_of(cast.reviewer).get(request.get_absolute_url()).content)
    assert "nobody else has the role of IT reviewer" in page
    assert "nobody else has the role of IT reviewer" in flat(
        client_of(cast.requester).get(request.get_absolute_url()).content
    )


def test_the_contact_is_told_when_nobody_may_decide(cast: Cast) -> None:
    cast.second_reviewer.groups.clear()
    request = submitted(cast, co_owner=cast.reviewer)
    told = Notification.objects.filter(
        unique_key__startswith="request_waits", recipient=institution().contact_email
    )
    assert "nobody else has the role of IT reviewer" in " ".join(told.get().text.split())
    ServiceRequest.objects.filter(pk=request.pk).update(due_on=timezone.localdate().replace(year=2020))
    assert escalating.escalate_overdue(today=timezone.localdate()) == 1
    overdue = Notification.objects.filter(unique_key__startswith="request_overdue")
    assert [message.recipient for message in overdue] == [institution().contact_email]
    assert "nobody else has the role" in " ".join(overdue.get().text.split())


def test_a_barred_reviewer_waives_nothing(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.reviewer)
    with pytest.raises(NotAllowed):
        checking.waive(service_request=fresh(request), actor=again(cast.reviewer), rule="x", reason="y")


def test_the_queue_asks_once_for_all_rows(cast: Cast) -> None:
    client = client_of(cast.reviewer)

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/queue/").status_code == 200
        return sum("workflow_participation" in query["sql"] for query in captured.captured_queries)

    submitted(cast)
    client.get("/queue/")
    few = count()
    for number in range(6):
        submitted(
            cast, address=f"129.118.10.{30 + number}", host=f"copier-{number}.ttu.edu", co_owner=cast.reviewer
        )
    assert count() == few


def test_the_count_of_the_tab_is_what_the_tab_shows(cast: Cast) -> None:
    submitted(cast)
    submitted(cast, address="129.118.10.30", host="other.ttu.edu", co_owner=cast.reviewer)
    assert tab_counts(again(cast.reviewer))["role"] == 1
    assert tab_queue(again(cast.reviewer), "role", timezone.localdate()).count() == 1
    assert tab_counts(again(cast.second_reviewer))["role"] == 2


def test_a_decision_is_kept_with_its_stage(cast: Cast) -> None:
    request = submitted(cast)
    approve(cast, request)
    row = Participation.objects.get(service_request=request, part=Part.DECIDER)
    assert (row.person, row.stage) == (cast.reviewer, "review")


def test_every_kind_names_the_clause_of_its_owner() -> None:
    assert {kind.key: kind.owner_clause in kind.clauses for kind in registry.kinds()} == {
        kind.key: True for kind in registry.kinds()
    }


# ---------------------------------------------------------------- what was there before
@pytest.mark.django_db(transaction=True)
def test_the_parts_of_old_requests_are_filled_from_columns_and_history() -> None:
    cast = make_cast()
    request = submitted(cast, co_owner=cast.reviewer, sponsor=cast.sponsor)
    reviewing.ask(
        service_request=request,
        actor=cast.second_reviewer,
        revision=request.revision,
        questions=[("", "Why?")],
    )
    request = fresh(request)
    request.co_owner = cast.colleague
    request.save(update_fields=["co_owner"])
    answers = {question.pk: "So." for question in request.questions.all()}
    requesting.resubmit(
        service_request=request, actor=cast.requester, revision=request.revision, answers=answers
    )
    approve(cast, fresh(request), actor=cast.second_reviewer)
    call_command("migrate", "leaving", "0001", verbosity=0)
    call_command("migrate", "workflow", "0006", verbosity=0)
    call_command("migrate", verbosity=0)
    rows = set(
        Participation.objects.filter(service_request=request).values_list("person__email", "part", "stage")
    )
    assert rows >= {
        ("requester@ttu.edu", "requester", ""),
        ("requester@ttu.edu", "editor", ""),
        ("colleague@ttu.edu", "co_owner", ""),
        ("reviewer@ttu.edu", "co_owner", ""),
        ("sponsor@ttu.edu", "sponsor", ""),
        ("second-reviewer@ttu.edu", "decider", "review"),
    }
    assert Action.APPROVE in fresh(request).events.values_list("action", flat=True)
