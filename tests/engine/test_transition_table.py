"""Who may do what to a request, in every state, against a table written out by hand.

One letter for each action, in the order of `ACTIONS`: `+` allowed, `3` not yours to do (403), `4` not in this
state (409). The rules, the services and the pages must all give the same answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import NotAllowed, WrongState
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.policies import available_actions
from portal.workflow.services import commenting, requesting, reviewing
from portal.workflow.states import TRANSITIONS, Action, State
from relay.models import RelayRequest
from tests.cast import Cast, approve, client_of, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db

ACTIONS = (
    "submit",
    "resubmit",
    "withdraw",
    "take",
    "release",
    "ask",
    "advance",
    "approve",
    "deny",
    "comment",
)

NOTHING = "333 333333 3"
DECIDER = "333 333333 +"
OWNER_AFTERWARDS = "444 333333 +"
REVIEWER_AFTERWARDS = "333 444444 +"

TABLE: Mapping[State, Mapping[str, str]] = {
    State.DRAFT: {
        "requester": "+4+ 333333 4",
        "colleague": "+4+ 333333 4",
        "sponsor": "333 333333 4",
        "reviewer": "333 333333 4",
        "second_reviewer": "333 333333 4",
        "postmaster": "333 333333 4",
        "cio": "333 333333 4",
        "auditor": NOTHING,
        "admin": NOTHING,
        "outsider": NOTHING,
    },
    State.IN_REVIEW: {
        "requester": "44+ 333333 +",
        "colleague": "44+ 333333 +",
        "sponsor": DECIDER,
        "reviewer": "333 +4+4++ +",
        "second_reviewer": "333 +4+4++ +",
        "postmaster": DECIDER,
        "cio": DECIDER,
        "auditor": NOTHING,
        "admin": NOTHING,
        "outsider": NOTHING,
    },
    State.NEEDS_INFORMATION: {
        "requester": "4++ 333333 +",
        "colleague": "4++ 333333 +",
        "sponsor": DECIDER,
        "reviewer": "333 +44444 +",
        "second_reviewer": "333 +44444 +",
        "postmaster": DECIDER,
        "cio": DECIDER,
        "auditor": NOTHING,
        "admin": NOTHING,
        "outsider": NOTHING,
    },
    State.APPROVED: {
        "requester": OWNER_AFTERWARDS,
        "colleague": OWNER_AFTERWARDS,
        "sponsor": DECIDER,
        "reviewer": REVIEWER_AFTERWARDS,
        "second_reviewer": REVIEWER_AFTERWARDS,
        "postmaster": DECIDER,
        "cio": DECIDER,
        "auditor": NOTHING,
        "admin": NOTHING,
        "outsider": NOTHING,
    },
    State.DENIED: {
        "requester": OWNER_AFTERWARDS,
        "colleague": OWNER_AFTERWARDS,
        "sponsor": DECIDER,
        "reviewer": REVIEWER_AFTERWARDS,
        "second_reviewer": REVIEWER_AFTERWARDS,
        "postmaster": DECIDER,
        "cio": DECIDER,
        "auditor": NOTHING,
        "admin": NOTHING,
        "outsider": NOTHING,
    },
    State.WITHDRAWN: {
        "requester": OWNER_AFTERWARDS,
        "colleague": OWNER_AFTERWARDS,
        "sponsor": DECIDER,
        "reviewer": REVIEWER_AFTERWARDS,
        "second_reviewer": REVIEWER_AFTERWARDS,
        "postmaster": DECIDER,
        "cio": DECIDER,
        "auditor": NOTHING,
        "admin": NOTHING,
        "outsider": NOTHING,
    },
}

INVISIBLE = {
    State.DRAFT: {
        "sponsor",
        "reviewer",
        "second_reviewer",
        "postmaster",
        "cio",
        "auditor",
        "admin",
        "outsider",
    },
}
"""Who gets 404 for the request's pages; the outsider does in every state."""

STATES = list(State)


class _Undo(Exception):
    pass


def undone(call: Callable[[], Any]) -> Any:
    """What `call` returned; whatever it wrote is rolled back."""
    result = None
    try:
        with transaction.atomic():
            result = call()
            raise _Undo
    except _Undo:
        return result


def outcomes(row: str) -> dict[str, str]:
    return dict(zip(ACTIONS, row.replace(" ", ""), strict=True))


def in_state(cast: Cast, state: State, **people: Any) -> ServiceRequest:
    """A request that came to `state` by what its people did."""
    facts: dict[str, Any] = {"co_owner": cast.colleague, "sponsor": cast.sponsor} | people
    if state == State.DRAFT:
        return relay_draft(cast, **facts)
    request = submitted(cast, **facts)
    who: dict[str, Any] = {"actor": cast.reviewer, "revision": request.revision}
    if state == State.NEEDS_INFORMATION:
        reviewing.ask(service_request=request, questions=[("hostname", "Which one?")], **who)
    elif state == State.APPROVED:
        approve(cast, request)
    elif state == State.DENIED:
        reviewing.deny(service_request=request, comment="No.", clauses=["REL-0"], **who)
    elif state == State.WITHDRAWN:
        requesting.withdraw(
            service_request=request, actor=request.requester, revision=request.revision, comment=""
        )
    found = fresh(request)
    assert found.state == state
    return found


def run(action: str, pk: int, actor: User) -> Any:
    """Call the service of `action` with everything it needs."""
    request = ServiceRequest.objects.get(pk=pk)
    common: dict[str, Any] = {"service_request": request, "actor": actor}
    seen = common | {"revision": request.revision}
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    answers = {question.pk: "That one." for question in request.questions.all()}
    calls: dict[str, Callable[[], Any]] = {
        "submit": lambda: requesting.submit(**seen),
        "resubmit": lambda: requesting.resubmit(**seen, answers=answers),
        "withdraw": lambda: requesting.withdraw(**seen),
        "take": lambda: reviewing.take(**seen),
        "release": lambda: reviewing.release(**seen),
        "ask": lambda: reviewing.ask(**seen, questions=[("", "Why?")]),
        "advance": lambda: reviewing.advance(**seen),
        "approve": lambda: reviewing.approve(**seen, comment="Fine.", terms=terms),
        "deny": lambda: reviewing.deny(**seen, comment="No.", clauses=["REL-0"]),
        "comment": lambda: commenting.comment(**common, text="Hello."),
    }
    return calls[action]()


def outcome_of_service(action: str, request: ServiceRequest, actor: User) -> str:
    try:
        undone(lambda: run(action, request.pk, actor))
    except NotAllowed:
        return "3"
    except WrongState:
        return "4"
    return "+"


def form_of(action: str, request: ServiceRequest) -> dict[str, Any]:
    """What the page of the request posts for `action`."""
    if action in ("take", "release"):
        return {"revision": request.revision}
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    fields: dict[str, dict[str, Any]] = {
        "ask": {"question": "Why?"},
        "approve": {"comment": "Fine.", "ends_on": terms.ends_on.isoformat()},
        "deny": {"comment": "No.", "clauses": ["REL-0"]},
        "comment": {"comment": "Hello.", "visibility": "public"},
    }
    data = {"revision": request.revision, **fields.get(action, {})}
    return {f"{action}-{name}": value for name, value in data.items()}


def outcome_of_page(action: str, request: ServiceRequest, client: Client) -> int:
    url = f"/requests/{request.reference}/do/{action}/"
    response = undone(lambda: client.post(url, form_of(action, request)))
    return int(response.status_code)


def expected_page(state: State, name: str, action: str, outcome: str) -> int:
    if name == "outsider" or name in INVISIBLE.get(state, set()) or action in ("submit", "resubmit"):
        return 404
    return {"+": 302, "3": 403, "4": 409}[outcome]


def test_the_table_covers_every_state_action_and_person(cast: Cast) -> None:
    assert set(ACTIONS) == set(Action.values)
    assert set(TABLE) == set(State)
    assert all(set(rows) == set(vars(cast)) for rows in TABLE.values())
    assert [row.action.value for row in TRANSITIONS] == list(ACTIONS)


@pytest.mark.parametrize("state", STATES)
def test_the_buttons_are_those_of_the_table(cast: Cast, state: State) -> None:
    request = in_state(cast, state)
    for name, row in TABLE[state].items():
        offered = [action.value for action in available_actions(request, getattr(cast, name))]
        assert offered == [action for action, code in outcomes(row).items() if code == "+"], name


@pytest.mark.parametrize("state", STATES)
def test_the_services_answer_as_the_table_says(cast: Cast, state: State) -> None:
    request = in_state(cast, state)
    for name, row in TABLE[state].items():
        actor = getattr(cast, name)
        found = {action: outcome_of_service(action, request, actor) for action in ACTIONS}
        assert found == outcomes(row), name
    assert fresh(request).revision == request.revision


@pytest.mark.parametrize("state", STATES)
def test_the_pages_answer_as_the_table_says(cast: Cast, state: State) -> None:
    request = in_state(cast, state)
    for name, row in TABLE[state].items():
        client = client_of(getattr(cast, name))
        for action, code in outcomes(row).items():
            found = outcome_of_page(action, request, client)
            assert found == expected_page(state, name, action, code), (name, action)


# ---------------------------------------------------------------- four eyes
@pytest.mark.parametrize("part", ["requester", "co_owner", "sponsor"])
@pytest.mark.parametrize("state", [State.IN_REVIEW, State.NEEDS_INFORMATION])
def test_a_reviewer_with_a_part_in_a_request_never_decides_it(cast: Cast, part: str, state: State) -> None:
    request = in_state(cast, state, **{part: cast.second_reviewer})
    twin = {"requester": "requester", "co_owner": "colleague", "sponsor": "sponsor"}[part]
    expected = outcomes(TABLE[state][twin])
    assert {a: outcome_of_service(a, request, cast.second_reviewer) for a in ACTIONS} == expected
    client = client_of(cast.second_reviewer)
    for action in ("take", "ask", "approve", "deny"):
        assert outcome_of_page(action, request, client) == 403, action
    assert outcome_of_service("take", request, cast.reviewer) == "+"


def test_somebody_who_left_may_do_nothing(cast: Cast) -> None:
    request = in_state(cast, State.IN_REVIEW)
    for person in (cast.requester, cast.reviewer):
        User.objects.filter(pk=person.pk).update(is_active=False)
        gone = User.objects.get(pk=person.pk)
        assert available_actions(request, gone) == []
        assert outcome_of_service("comment", request, gone) == "3"


# ---------------------------------------------------------------- assignment and stages
def test_taking_and_putting_back_depend_on_who_has_it(cast: Cast) -> None:
    request = in_state(cast, State.IN_REVIEW)
    run("take", request.pk, cast.reviewer)
    request = fresh(request)
    assert request.assignee == cast.reviewer
    assert outcome_of_service("take", request, cast.reviewer) == "4"
    assert outcome_of_service("release", request, cast.reviewer) == "+"
    assert outcome_of_service("take", request, cast.second_reviewer) == "+"
    assert outcome_of_service("release", request, cast.second_reviewer) == "4"


def test_a_mail_server_passes_the_postmaster_first(cast: Cast) -> None:
    draft = relay_draft(cast)
    RelayRequest.objects.filter(pk=draft.pk).update(system_kind="mail_server")
    for step in draft.kind_entry.steps_for(fresh(draft)):
        DraftStep.objects.update_or_create(
            service_request=draft, step=step.key, defaults={"is_complete": True}
        )
    run("submit", draft.pk, cast.requester)
    request = fresh(draft)
    assert (request.stage, request.stage_role) == ("postmaster", "postmaster")
    assert outcomes("333 +4++4+ +") == {
        action: outcome_of_service(action, request, cast.postmaster) for action in ACTIONS
    }
    assert outcome_of_service("advance", request, cast.reviewer) == "3"
    run("advance", request.pk, cast.postmaster)
    request = fresh(draft)
    assert (request.state, request.stage, request.stage_role) == ("in_review", "review", "it_reviewer")
    assert request.due_on is not None
    assert request.assignee is None
    assert outcome_of_service("approve", request, cast.postmaster) == "3"
    assert outcome_of_service("approve", request, cast.reviewer) == "+"


def test_a_stage_that_left_the_route_approves_nothing_by_itself(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = in_state(cast, State.IN_REVIEW)
    kind = request.kind_entry
    never = tuple(
        replace(stage, applies=lambda _: False) if stage.key == "review" else stage for stage in kind.stages
    )
    monkeypatch.setattr(type(kind), "stages", never)
    assert outcome_of_service("approve", request, cast.reviewer) == "4"
    assert outcome_of_service("advance", request, cast.reviewer) == "4"
    assert outcome_of_service("deny", request, cast.reviewer) == "+"
