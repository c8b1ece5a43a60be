"""The API as a program meets it: what it reads, files, and is refused."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from portal.accounts.models import DirectoryAddress, User
from portal.api.accounts import make_token, revoke_token
from portal.api.idempotency import forget_calls
from portal.api.models import ApiToken, KeptCall, Scope, ServiceAccount
from portal.grants.models import Grant
from portal.workflow.models import Event, ServiceRequest, Visibility
from portal.workflow.services import commenting
from tests.cast import Cast, approved, client_of, relay_draft, submitted

pytestmark = pytest.mark.django_db
ALL = [str(scope) for scope in Scope]
ANSWERS: dict[str, Any] = {
    "system_kind": "copier",
    "capability": "neither",
    "addresses": ["129.118.10.44"],
    "hostname": "copier-44.ttu.edu",
    "senders": ["noreply-lab@ttu.edu"],
    "recipients": "internal",
    "typical_per_day": 20,
    "peak_per_hour": 10,
    "recipients_per_message": 1,
    "contents": "public",
    "tls": "yes",
    "department": "Physics",
    "purpose": "Scans to the staff.",
    "after_hours_contact": "Help desk",
    "is_attested": True,
}


class Program:
    """A program with a token."""

    def __init__(self, cast: Cast, owner: User, *, scopes: list[str] = ALL, name: str = "inventory") -> None:
        self.row, token = make_token(actor=cast.admin, name=name, owner=owner, scopes=scopes, days=30)
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(f"/api/v1{path}")
        assert answer.status_code == status, answer.content
        return answer.json()

    def post(self, path: str, body: Any = None, *, key: str = "k1", status: int = 201) -> Any:
        answer = self.client.post(
            f"/api/v1{path}",
            json.dumps(body or {}),
            content_type="application/json",
            headers={"Idempotency-Key": key} if key else {},
        )
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def program(cast: Cast) -> Program:
    return Program(cast, cast.requester)


# ---------------------------------------------------------------- who may
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer tma_wrong", "Basic abc", "Bearer tmh_other"])
def test_without_a_token_there_is_401_as_problem_json(db: None, header: str) -> None:
    answer = Client(headers={"Authorization": header} if header else {}).get("/api/v1/requests")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer["Cache-Control"] == "no-store"


def test_a_session_opens_nothing(cast: Cast) -> None:
    assert client_of(cast.reviewer).get("/api/v1/requests").status_code == 401


def test_a_token_ends(cast: Cast, program: Program) -> None:
    program.get("/requests")
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    program.get("/requests", 401)
    again = Program(cast, cast.requester)
    User.objects.filter(pk=cast.requester.pk).update(is_active=False)
    again.get("/requests", 401)
    User.objects.filter(pk=cast.requester.pk).update(is_active=True)
    DirectoryAddress.objects.filter(address=cast.requester.email).update(gone_at=timezone.now())
    again.get("/requests", 401)
    DirectoryAddress.objects.update(gone_at=None)
    again.get("/requests")
    revoke_token(actor=cast.admin, token=again.row)
    again.get("/requests", 401)


def test_a_scope_that_was_not_given_is_403(cast: Cast) -> None:
    program = Program(cast, cast.requester, scopes=[Scope.READ_GRANTS])
    assert "requests:read" in program.get("/requests", 403)["detail"]
    program.get("/grants")
    program.post("/relay-requests", ANSWERS, status=403)
    assert not KeptCall.objects.exists()


def test_too_many_wrong_tokens_are_put_off(db: None) -> None:
    client = Client(headers={"Authorization": "Bearer tma_wrong"})
    statuses = [client.get("/api/v1/requests").status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]
    answer = client.get("/api/v1/requests")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("put", "/requests", 405), ("get", "/relay-requests", 405)],
)
def test_every_error_is_problem_json(program: Program, method: str, path: str, status: int) -> None:
    answer = getattr(program.client, method)(f"/api/v1{path}")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_huge_body_is_413(program: Program) -> None:
    answer = program.client.post("/api/v1/relay-requests", b"x" * 70_000, content_type="application/json")
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"


def test_only_json_is_taken(program: Program) -> None:
    answer = program.client.post("/api/v1/relay-requests", {"system_kind": "copier"})
    assert answer.status_code == 415
    assert program.client.get("/api/v1/requests?kind=%00").status_code == 400


# ---------------------------------------------------------------- reading
def test_a_program_sees_what_its_owner_sees(cast: Cast, program: Program) -> None:
    mine, hers = submitted(cast), submitted(cast, address="129.118.10.21", host="copier-8.ttu.edu")
    ServiceRequest.objects.filter(pk=hers.pk).update(requester=cast.outsider)
    draft = relay_draft(cast, address="129.118.10.22")
    assert [row["reference"] for row in program.get("/requests")["items"]] == [
        draft.reference,
        mine.reference,
    ]
    program.get(f"/requests/{hers.reference}", 404)
    reviewer = Program(cast, cast.reviewer, name="board")
    assert {row["reference"] for row in reviewer.get("/requests")["items"]} == {
        mine.reference,
        hers.reference,
    }
    reviewer.get(f"/requests/{draft.reference}", 404)


def test_pages_go_on_where_the_last_one_ended(cast: Cast, program: Program) -> None:
    for number in range(5):
        submitted(cast, address=f"129.118.10.{30 + number}", host=f"copier-{number}.ttu.edu")
    seen: list[str] = []
    after = ""
    while True:
        page = program.get(f"/requests?limit=2&after={after}")
        seen += [row["reference"] for row in page["items"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 5


def test_filters(cast: Cast, program: Program) -> None:
    grant = approved(cast)
    waiting = submitted(cast, address="129.118.10.21", host="copier-8.ttu.edu")
    assert [r["reference"] for r in program.get("/requests?state=in_review")["items"]] == [waiting.reference]
    assert [r["reference"] for r in program.get("/grants?state=active&kind=relay")["items"]] == [
        grant.reference
    ]
    assert program.get("/grants?kind=whitelist")["items"] == []
    assert program.get("/requests?updated_since=2100-01-01T00:00:00Z")["items"] == []
    assert "zone" in program.get("/requests?updated_since=2100-01-01T00:00:00", 422)["detail"]
    assert set(program.get("/requests?limit=0&after=x", 422)["errors"]) == {"limit", "after"}


def test_findings_decisions_and_the_grant(cast: Cast, program: Program) -> None:
    grant = approved(cast)
    found = program.get(f"/requests/{grant.reference}/findings")
    assert found["occasion"] == "approval"
    assert {"clause", "rule", "outcome", "must", "sentence"} == set(found["findings"][0])
    events = program.get(f"/requests/{grant.reference}/events")
    decision = next(event for event in events if event["action"] == "approve")
    assert decision["by"] == "Reviewer"
    assert decision["comment"]
    detail = program.get(f"/grants/{grant.reference}")
    assert (detail["state"], detail["in_force"], detail["owner"]) == ("active", True, cast.requester.email)
    assert "129.118.10.20" in detail["allows"]
    assert detail["url"] == f"http://localhost:8000/permissions/{grant.reference}/"


def test_notes_for_reviewers_stay_theirs(cast: Cast, program: Program) -> None:
    request = submitted(cast)
    commenting.comment(
        service_request=request, actor=cast.reviewer, text="Odd.", visibility=Visibility.REVIEWERS
    )
    path = f"/requests/{request.reference}/events"
    assert "Odd." not in json.dumps(program.get(path))
    assert "Odd." in json.dumps(Program(cast, cast.reviewer, name="board").get(path))


@pytest.mark.parametrize("count", [2, 12])
def test_a_list_costs_the_same_for_few_and_many(
    cast: Cast, program: Program, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        approved(cast, address=f"129.118.20.{10 + number}", host=f"copier-{number}.ttu.edu")
    for path in ("/requests", "/grants"):
        program.get(path)
        with django_assert_max_num_queries(
            6
        ):  # of permissions also the proofs of signing and the trusted day
            assert len(program.get(path)["items"]) == count


# ---------------------------------------------------------------- filing
def test_a_relay_request_is_filed_for_the_owner_through_the_program(cast: Cast, program: Program) -> None:
    filed = program.post("/relay-requests", ANSWERS)
    assert filed["state"] == "in_review"
    request = ServiceRequest.objects.get(reference=filed["reference"])
    assert (request.requester, request.title) == (cast.requester, "Copier copier-44.ttu.edu")
    event = Event.objects.get(service_request=request, action="program")
    assert event.who == "Requester, through the program inventory"
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "through the program inventory" in page


def test_the_forms_own_sentences_refuse_by_field_and_nothing_is_left(cast: Cast, program: Program) -> None:
    bad = {
        **ANSWERS,
        "addresses": ["8.8.8.8"],
        "senders": ["ceo@ttu.edu.evil.example"],
        "is_attested": False,
        "colour": "red",
    }
    problem = program.post("/relay-requests", bad, status=422)
    assert {"addresses", "senders", "is_attested", "colour"} <= set(problem["errors"])
    assert not ServiceRequest.objects.exists()
    assert (
        "hostname"
        in program.post("/relay-requests", {"system_kind": "copier"}, key="k2", status=422)["errors"]
    )


def test_the_same_key_files_once(cast: Cast, program: Program) -> None:
    first = program.post("/relay-requests", ANSWERS)
    assert program.post("/relay-requests", ANSWERS) == first
    assert ServiceRequest.objects.count() == 1
    other = {**ANSWERS, "purpose": "Something else."}
    assert "Idempotency-Key" in program.post("/relay-requests", other, status=422)["errors"]
    assert "Idempotency-Key" in program.post("/relay-requests", other, key="", status=422)["errors"]
    KeptCall.objects.update(status=None)
    assert "under way" in program.post("/relay-requests", ANSWERS, status=409)["detail"]


def test_keys_are_kept_a_day_and_belong_to_an_account(cast: Cast, program: Program) -> None:
    program.post("/relay-requests", ANSWERS)
    other = Program(cast, cast.colleague, name="other")
    other.post(
        "/relay-requests", {**ANSWERS, "addresses": ["129.118.10.45"], "hostname": "copier-45.ttu.edu"}
    )
    assert forget_calls() == 0
    KeptCall.objects.update(made_at=timezone.now() - timedelta(hours=25))
    assert forget_calls() == 2


def test_a_refusal_is_kept_and_a_failure_of_ours_is_not(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.post("/relay-requests", {**ANSWERS, "is_attested": False}, status=422)
    assert KeptCall.objects.get().status == 422

    def broken(**facts: Any) -> Any:
        raise RuntimeError("The disk is full.")

    program.client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("portal.api.filing.file_request", broken)
        program.post("/relay-requests", ANSWERS, key="k2", status=500)
    assert not KeptCall.objects.filter(key="k2").exists()
    program.post("/relay-requests", ANSWERS, key="k2")


def test_a_renewal_that_is_not_open_yet_is_409_and_another_persons_404(cast: Cast, program: Program) -> None:
    grant = approved(cast)
    program.post(f"/grants/{grant.reference}/renewals", status=409)
    Grant.objects.filter(pk=grant.pk).update(owner=cast.outsider)
    ServiceRequest.objects.update(requester=cast.outsider)
    program.post(f"/grants/{grant.reference}/renewals", key="k2", status=404)


# ---------------------------------------------------------------- pages
def test_an_administrator_makes_a_token_that_is_seen_once(cast: Cast) -> None:
    client = client_of(cast.admin)
    data = {"name": "Inventory", "owner": cast.requester.email, "scopes": [Scope.READ_GRANTS], "days": "30"}
    page = client.post("/api/tokens/", data).content.decode()
    token = page.partition("<code>")[2].partition("</code>")[0]
    assert token.startswith("tma_")
    assert Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/grants").status_code == 200
    assert token not in client.get("/api/tokens/").content.decode()
    assert token not in json.dumps(list(ApiToken.objects.values()), default=str)
    taken = client.post("/api/tokens/", {**data, "owner": cast.colleague.email})
    assert taken.status_code == 422
    assert "acts for Requester" in taken.content.decode()
    client.post(f"/api/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/grants").status_code == 401
    assert ServiceAccount.objects.get().name == "inventory"


def test_the_documentation_names_every_operation_without_a_script(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    page = client.get("/api/docs/").content.decode()
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            assert f"{method.upper()} {path}" in page
            assert one["summary"] in page
            assert "401" in one["responses"]
            assert one["security"] == [{"Bearer": []}]
    assert "<script>" not in page


# ---------------------------------------------------------------- what a page could never send
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({**ANSWERS, "purpose": "\ud800"}),
        json.dumps({**ANSWERS, "x": "\ud800"}),
        json.dumps({**ANSWERS, "\ud800": "x"}),
        json.dumps({**ANSWERS, "purpose": "a\x00b"}),
        json.dumps({**ANSWERS, "senders": ["a\x00b@ttu.edu"]}),
        json.dumps({**ANSWERS, "x": {"a": {"b": []}}}),
        json.dumps(ANSWERS)[:-1] + ', "x": ' + "[" * 900 + "]" * 900 + "}",
        "[" * 60_000,
        '{"typical_per_day": ' + "9" * 5000 + "}",
        '{"typical_per_day": NaN}',
        "[]",
        "null",
        "",
        '"\xff"',
    ],
)
def test_hostile_bodies_are_refused_with_a_sentence(program: Program, body: str) -> None:
    answer = program.client.post(
        "/api/v1/relay-requests",
        body.encode("utf-8", "surrogatepass"),
        content_type="application/json",
        headers={"Idempotency-Key": "k1"},
    )
    assert answer.status_code in (400, 422), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert not ServiceRequest.objects.exists()


@pytest.mark.parametrize(
    "path", ["/requests/TM-R-1%00", "/requests/%ED%A0%80", "/grants/..%2f..", "/requests?kind=%ED%A0%80"]
)
def test_hostile_addresses_are_no_errors_of_ours(program: Program, path: str) -> None:
    answer = program.client.get(f"/api/v1{path}")
    assert answer.status_code in (200, 400, 404, 422)


def renewable(cast: Cast) -> Grant:
    grant = approved(cast)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(
        starts_on=today - timedelta(days=300), ends_on=today + timedelta(days=20)
    )
    return Grant.objects.get(pk=grant.pk)


def test_a_renewal_that_needs_a_person_says_where(cast: Cast, program: Program) -> None:
    grant = renewable(cast)
    DirectoryAddress.objects.filter(address="noreply-lab@ttu.edu").update(gone_at=timezone.now())
    problem = program.post(f"/grants/{grant.reference}/renewals", status=409)
    assert f"/permissions/{grant.reference}/renew/" in problem["detail"]


def test_a_renewal_confirmed_twice_is_one_and_says_so_once(cast: Cast, program: Program) -> None:
    grant = renewable(cast)
    first = program.post(f"/grants/{grant.reference}/renewals")
    assert program.post(f"/grants/{grant.reference}/renewals", key="k2") == first
    assert Event.objects.filter(action="program").count() == 1


def test_a_page_of_the_form_that_no_longer_fits_is_refused_with_its_sentence(
    cast: Cast, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**facts: Any) -> Any:
        raise ValidationError("“Your statement” has to be answered anew.")

    grant = renewable(cast)
    monkeypatch.setattr("portal.renewals.services.filing.confirm", refused)
    assert "answered anew" in program.post(f"/grants/{grant.reference}/renewals", status=422)["detail"]


def test_a_call_that_never_ended_says_what_to_do(program: Program) -> None:
    program.post("/relay-requests", ANSWERS)
    KeptCall.objects.update(status=None, made_at=timezone.now() - timedelta(minutes=20))
    assert "new key" in program.post("/relay-requests", ANSWERS, status=409)["detail"]
