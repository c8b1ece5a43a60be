"""A request from the first page to the decision, as browsers post it: nothing typed is lost, nothing odd is a 500."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding
from portal.workflow.models import CheckRun, Event, FieldChange, Question, ServiceRequest
from portal.workflow.services import checking, requesting, reviewing
from portal.workflow.states import State
from relay import services as relay
from relay.models import RelayRequest
from tests.cast import Cast, approved, client_of, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db

PAGES: dict[str, dict[str, Any]] = {
    "system": {"system_kind": "copier", "capability": "neither"},
    "network": {"addresses": ["129.118.10.20"], "hostname": "copier-7.ttu.edu"},
    "senders": {"senders": ["noreply-lab@ttu.edu"]},
    "mail": {
        "recipients": "internal",
        "typical_per_day": "20",
        "peak_per_hour": "10",
        "recipients_per_message": "1",
        "contents": "public",
        "tls": "yes",
    },
    "people": {"department": "Physics", "purpose": "Scan to mail", "co_owner": "colleague@ttu.edu"},
    "statement": {"after_hours_contact": "Riley 555", "is_attested": "on"},
}


def revision_of(page: str) -> str:
    found = re.search(r'name="(?:\w+-)?revision" value="(\d+)"', page)
    assert found, "the page carries no revision"
    return found[1]


def post_step(client: Client, reference: str, key: str, data: dict[str, Any], revision: str = "") -> Any:
    url = f"/requests/{reference}/edit/{key}/"
    seen = revision or revision_of(client.get(url).content.decode())
    return client.post(url, {"revision": seen, **data})


def words(response: Any) -> str:
    return unescape(response.content.decode())


def begin(client: Client) -> str:
    response = client.post("/new/relay/", {"prefill": "copier"})
    assert response.status_code == 302
    return str(response["Location"].split("/")[2])


def act(client: Client, request: ServiceRequest, action: str, **fields: Any) -> Any:
    prefix = "" if action in ("take", "release") else f"{action}-"
    data = {f"{prefix}{name}": value for name, value in {"revision": request.revision, **fields}.items()}
    return client.post(f"/requests/{request.reference}/do/{action}/", data)


# ---------------------------------------------------------------- the form
def test_the_whole_form_leads_to_a_receipt(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    for key, data in PAGES.items():
        assert post_step(requester_client, reference, key, data).status_code == 302, key
    answers = f"/requests/{reference}/answers/"
    page = words(requester_client.get(answers))
    assert "129.118.10.20" in page
    sent = requester_client.post(answers, {"revision": revision_of(page)})
    assert (sent.status_code, sent["Location"]) == (302, f"/requests/{reference}/receipt/")
    assert reference in words(requester_client.get(sent["Location"]))
    request = ServiceRequest.objects.get(reference=reference)
    assert (request.state, request.co_owner) == (State.IN_REVIEW, cast.colleague)


def test_what_was_typed_stays_even_where_it_is_wrong(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    wrong = {"addresses": ["129.118.010.9", "8.8.8.8"], "hostname": "a_b.ttu.edu"}
    answer = post_step(requester_client, reference, "network", wrong)
    assert answer.status_code == 422
    later = words(client_of(cast.requester).get(f"/requests/{reference}/edit/network/"))
    for text in ("129.118.010.9", "8.8.8.8", "a_b.ttu.edu"):
        assert text in words(answer)
        assert text in later
    assert relay.addresses_of(ServiceRequest.objects.get(reference=reference)) == []


def test_autosave_keeps_half_a_page_and_opens_it_again(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    url = f"/requests/{reference}/edit/people/"
    revision = revision_of(words(requester_client.get(url)))
    saved = requester_client.post(f"{url}save/", {"purpose": "Half a sent", "revision": revision})
    assert saved.content == b"Draft saved"
    assert "Half a sent" in words(requester_client.get(url))
    assert "people" in requesting.missing_steps(ServiceRequest.objects.get(reference=reference))


def test_a_page_that_saves_itself_too_late_undoes_no_answer(cast: Cast, requester_client: Client) -> None:
    reference = relay_draft(cast).reference
    url = f"/requests/{reference}/edit/people/"
    revision = revision_of(words(requester_client.get(url)))
    answers = {"purpose": "The whole sentence.", "department": "Physics", "revision": revision}
    assert requester_client.post(url, answers).status_code == 302
    late = requester_client.post(f"{url}save/", {**answers, "purpose": "The whole sent"})
    assert (late.status_code, late.content) == (200, b"")
    request = ServiceRequest.objects.get(reference=reference)
    assert request.purpose == "The whole sentence."
    assert "people" not in requesting.missing_steps(request)
    assert "The whole sentence." in words(requester_client.get(url))


def test_a_session_that_ended_mid_form_loses_nothing(cast: Cast) -> None:
    reference = relay_draft(cast).reference
    url = f"/requests/{reference}/edit/people/"
    visitor = Client()
    away = visitor.post(url, {"purpose": "Typed after the session ended", "department": "Physics"})
    assert away.status_code == 302
    assert away["Location"].startswith("/accounts/login/")
    signed_in = visitor.post(away["Location"], {"login": cast.requester.email, "password": "techmail-demo"})
    assert (signed_in.status_code, signed_in["Location"]) == (302, url)
    assert "Typed after the session ended" in words(visitor.get(url))


def test_a_session_that_ended_hands_the_text_to_nobody_else(cast: Cast) -> None:
    url = f"/requests/{relay_draft(cast).reference}/edit/people/"
    visitor = Client()
    away = visitor.post(url, {"purpose": "Not for others"})
    visitor.post(away["Location"], {"login": cast.outsider.email, "password": "techmail-demo"})
    assert visitor.get(url).status_code == 404


def test_a_stale_form_is_refused_with_its_text_still_there(cast: Cast, requester_client: Client) -> None:
    draft = relay_draft(cast)
    stale = str(draft.revision)
    people = PAGES["people"]
    assert post_step(requester_client, draft.reference, "people", people, stale).status_code == 302
    refused = post_step(
        requester_client, draft.reference, "people", people | {"purpose": "My long text"}, stale
    )
    assert refused.status_code == 409
    assert "My long text" in words(refused)
    assert fresh(draft).purpose == "Scan to mail"
    fixed = revision_of(words(refused))
    again = post_step(
        requester_client, draft.reference, "people", people | {"purpose": "My long text"}, fixed
    )
    assert again.status_code == 302
    assert fresh(draft).purpose == "My long text"


def test_a_double_click_on_submit_files_once(cast: Cast, requester_client: Client) -> None:
    draft = relay_draft(cast)
    url, data = f"/requests/{draft.reference}/answers/", {"revision": draft.revision}
    assert requester_client.post(url, data).status_code == 302
    assert requester_client.post(url, data).status_code == 409
    assert Event.objects.filter(service_request=draft, action="submit").count() == 1


def test_an_unanswered_page_bars_submission(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    refused = requester_client.post(f"/requests/{reference}/answers/", {"revision": 0})
    assert refused.status_code == 422
    assert ServiceRequest.objects.get(reference=reference).state == State.DRAFT


# ---------------------------------------------------------------- the question
def asked(cast: Cast, **facts: Any) -> ServiceRequest:
    request = submitted(cast, **facts)
    answer = act(
        client_of(cast.reviewer), request, "ask", field="hostname", question="Is this the new copier?"
    )
    assert answer.status_code == 302
    return fresh(request)


def test_a_question_without_an_answer_is_refused_beside_it(cast: Cast, requester_client: Client) -> None:
    request = asked(cast)
    question, url = Question.objects.get(), f"/requests/{request.reference}/answers/"
    refused = requester_client.post(url, {"revision": request.revision, f"answer_{question.pk}": "  "})
    assert refused.status_code == 422
    assert "Answer this question, or say why you cannot." in words(refused)
    assert fresh(request).state == State.NEEDS_INFORMATION


def test_answers_and_changed_fields_are_on_the_reviewers_page(cast: Cast, requester_client: Client) -> None:
    request = asked(cast)
    network = PAGES["network"] | {"hostname": "copier-8.ttu.edu"}
    assert post_step(requester_client, request.reference, "network", network).status_code == 302
    question, url = Question.objects.get(), f"/requests/{request.reference}/answers/"
    data = {"revision": fresh(request).revision, f"answer_{question.pk}": "It replaces the old one."}
    assert requester_client.post(url, data).status_code == 302
    change = FieldChange.objects.get()
    assert (change.field, change.before, change.after) == ("hostname", "copier-7.ttu.edu", "copier-8.ttu.edu")
    page = words(client_of(cast.reviewer).get(f"/requests/{request.reference}/"))
    for text in ("It replaces the old one.", "copier-7.ttu.edu", "copier-8.ttu.edu"):
        assert text in page


def test_a_page_typed_wrong_during_a_question_bars_sending_back(cast: Cast, requester_client: Client) -> None:
    request = asked(cast)
    wrong = PAGES["network"] | {"hostname": "a_b.ttu.edu"}
    assert post_step(requester_client, request.reference, "network", wrong).status_code == 422
    question, url = Question.objects.get(), f"/requests/{request.reference}/answers/"
    data = {"revision": fresh(request).revision, f"answer_{question.pk}": "Yes."}
    assert requester_client.post(url, data).status_code == 422
    assert fresh(request).state == State.NEEDS_INFORMATION


def test_the_clock_stands_still_while_the_requester_has_it(cast: Cast) -> None:
    with time_machine.travel("2026-03-09T18:00:00Z"):  # a Monday
        request = submitted(cast)
        assert str(request.due_on) == "2026-03-12"
    with time_machine.travel("2026-03-10T18:00:00Z"):
        reviewing.ask(
            service_request=request, actor=cast.reviewer, revision=request.revision, questions=[("", "Why?")]
        )
    with time_machine.travel("2026-03-16T18:00:00Z"):
        request = fresh(request)
        assert not request.is_overdue
        answers = {question.pk: "So." for question in request.questions.all()}
        requesting.resubmit(
            service_request=request, actor=cast.requester, revision=request.revision, answers=answers
        )
        request = fresh(request)
        # Wednesday, Thursday, Friday and Monday were the requester's; the weekend counts for nobody.
        assert str(request.due_on) == "2026-03-18"
        assert request.clock_paused_at is None
    with time_machine.travel("2026-03-19T18:00:00Z"):
        assert request.is_overdue


# ---------------------------------------------------------------- the decision
def test_a_denial_names_a_clause_and_a_reason(cast: Cast, reviewer_client: Client) -> None:
    request = submitted(cast)
    no_clause = act(reviewer_client, request, "deny", comment="It is a workstation.")
    assert no_clause.status_code == 422
    assert "Name at least one clause" in words(no_clause)
    assert "It is a workstation." in words(no_clause)
    assert act(reviewer_client, request, "deny", clauses=["WKS-1"]).status_code == 422
    assert act(reviewer_client, request, "deny", comment="No.", clauses=["XYZ-9"]).status_code == 422
    assert fresh(request).state == State.IN_REVIEW
    done = act(reviewer_client, request, "deny", comment="It is a workstation.", clauses=["WKS-1"])
    assert done.status_code == 302
    event = Event.objects.get(action="deny")
    assert (fresh(request).state, event.clauses, event.check_run) == (
        State.DENIED,
        ["WKS-1"],
        CheckRun.objects.latest(),
    )


def approval(request: ServiceRequest, **fields: Any) -> dict[str, Any]:
    terms = request.kind_entry.default_terms(request, datetime.now().date())
    return {"comment": "Fine.", "ends_on": terms.ends_on.isoformat(), **fields}


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN])
def test_what_fails_or_is_not_known_bars_approval(
    cast: Cast, reviewer_client: Client, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    request = submitted(cast)
    found = [Finding("REL-2", "on-campus", outcome, "REL-2: nobody can say where it is.")]
    monkeypatch.setattr(checking, "run_checks", lambda _: found)
    refused = act(reviewer_client, request, "approve", **approval(request))
    assert refused.status_code == 422
    assert "REL-2" in words(refused)
    assert fresh(request).state == State.IN_REVIEW
    assert fresh(request).blocking_findings == 1


def test_a_waived_clause_bars_no_longer_and_only_what_may_be_waived(
    cast: Cast, reviewer_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = submitted(cast)
    soft = Finding("REL-1", "range", Outcome.FAIL, "REL-1: a wide range.", waivable=True)
    hard = Finding("REL-2", "on-campus", Outcome.FAIL, "REL-2: off campus.")
    found = [soft, hard]
    monkeypatch.setattr(checking, "run_checks", lambda _: list(found))
    url = f"/requests/{request.reference}/waive/"
    assert reviewer_client.post(f"/requests/{request.reference}/recheck/").status_code == 302
    assert reviewer_client.post(url, {"waive-rule": "range", "waive-reason": ""}).status_code == 422
    assert reviewer_client.post(url, {"waive-rule": "on-campus", "waive-reason": "x"}).status_code == 422
    asked_by = client_of(cast.requester)
    assert asked_by.post(url, {"waive-rule": "range", "waive-reason": "Mine."}).status_code == 403
    done = reviewer_client.post(url, {"waive-rule": "range", "waive-reason": "A cluster of sixteen."})
    assert done.status_code == 302
    assert fresh(request).blocking_findings == 1
    assert act(reviewer_client, fresh(request), "approve", **approval(request)).status_code == 422
    found.remove(hard)
    assert act(reviewer_client, fresh(request), "approve", **approval(request)).status_code == 302
    assert "A cluster of sixteen." in words(reviewer_client.get(f"/requests/{request.reference}/"))


def test_a_term_can_be_cut_and_not_stretched(cast: Cast, reviewer_client: Client) -> None:
    request = submitted(cast)
    for day in ("2099-01-01", "2001-01-01", "soon"):
        form = approval(request, ends_on=day)
        assert act(reviewer_client, request, "approve", **form).status_code == 422, day
    near = (datetime.now() + timedelta(days=30)).date()
    form = approval(request, ends_on=near.isoformat())
    assert act(reviewer_client, request, "approve", **form).status_code == 302
    assert fresh(request).grant.ends_on == near


def test_a_second_reviewer_with_an_old_page_is_told(cast: Cast, reviewer_client: Client) -> None:
    request = submitted(cast)
    assert act(client_of(cast.second_reviewer), request, "take").status_code == 302
    form = {"comment": "No.", "clauses": ["REL-0"]}
    assert act(reviewer_client, request, "deny", **form).status_code == 409
    assert act(reviewer_client, fresh(request), "deny", **form).status_code == 302
    assert act(client_of(cast.second_reviewer), fresh(request), "deny", **form).status_code == 409


def test_a_withdrawn_request_is_over(cast: Cast, requester_client: Client) -> None:
    request = submitted(cast)
    assert act(requester_client, request, "withdraw").status_code == 302
    assert fresh(request).state == State.WITHDRAWN
    assert requester_client.get(f"/requests/{request.reference}/edit/network/").status_code == 409
    assert act(client_of(cast.reviewer), fresh(request), "approve", comment="Yes.").status_code == 409


def test_a_draft_that_was_withdrawn_stays_its_owners(cast: Cast, requester_client: Client) -> None:
    draft = relay_draft(cast, sponsor=cast.sponsor)
    assert act(requester_client, draft, "withdraw").status_code == 302
    assert requester_client.get(f"/requests/{draft.reference}/").status_code == 200
    for other in (cast.sponsor, cast.reviewer, cast.auditor):
        client = client_of(other)
        assert client.get(f"/requests/{draft.reference}/").status_code == 404
        assert draft.reference not in words(client.get("/requests/"))
    assert draft.reference not in words(client_of(cast.reviewer).get("/queue/?tab=all&sort=newest"))


def test_a_note_for_reviewers_stays_among_them(cast: Cast, requester_client: Client) -> None:
    request = submitted(cast)
    note = act(client_of(cast.reviewer), request, "comment", comment="Look closely.", visibility="reviewers")
    assert note.status_code == 302
    assert "Look closely." not in words(requester_client.get(f"/requests/{request.reference}/"))
    assert "Look closely." in words(client_of(cast.cio).get(f"/requests/{request.reference}/"))
    trick = act(requester_client, request, "comment", comment="Hidden?", visibility="reviewers")
    assert trick.status_code == 302
    assert Event.objects.get(comment="Hidden?").visibility == "public"


# ---------------------------------------------------------------- bad input
BAD_NETWORKS = [
    "129.118.010.9",
    "129.118.77.5/24",
    "129.118.77.0/24",
    "::ffff:8.8.8.8",
    "fe80::1%eth0",
    "2001:db8:4000::1%1",
    "8.8.8.8",
    "129.118.10.255",
    "129.118.10.0",
    "129.118.130.7",
    "not-an-address",
    "129.118.10.20 129.118.10.21",
    "",
]
BAD_SENDERS = [
    "user@ttu.edu.evil.example",
    "nobody-we-know@ttu.edu",
    "noreply-lab@ttü.edu",
    "noreply-lab@ttu.edu\u200b",
    "noreply-lab@tтu.edu",
    "Lab\r\nBcc: x@evil.example <noreply-lab@ttu.edu>",
    "postmaster@ttu.edu",
    "@ttu.edu",
    "*@ttu.edu",
    "",
]
BAD_HOSTS = ["a_b.ttu.edu", f"{'a' * 64}.ttu.edu", "copier..ttu.edu", "-x.ttu.edu", "copier.example.org", ""]


@pytest.mark.parametrize("address", BAD_NETWORKS)
def test_a_bad_address_is_refused_beside_the_field(
    cast: Cast, requester_client: Client, address: str
) -> None:
    reference = begin(requester_client)
    data = PAGES["network"] | {"addresses": [address]}
    answer = post_step(requester_client, reference, "network", data)
    assert answer.status_code == 422
    assert address in words(answer)


def test_an_address_that_another_grant_holds_is_refused_with_its_name(
    cast: Cast, requester_client: Client
) -> None:
    grant = approved(cast, requester=cast.outsider)
    answer = post_step(requester_client, begin(requester_client), "network", PAGES["network"])
    assert answer.status_code == 422
    assert grant.reference in words(answer)


@pytest.mark.parametrize("sender", BAD_SENDERS)
def test_a_bad_sender_is_refused_beside_the_field(cast: Cast, requester_client: Client, sender: str) -> None:
    reference = begin(requester_client)
    answer = post_step(requester_client, reference, "senders", {"senders": [sender]})
    assert answer.status_code == 422
    assert relay.senders_of(ServiceRequest.objects.get(reference=reference)) == []


def test_a_sender_in_capitals_is_the_same_sender(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    answer = post_step(requester_client, reference, "senders", {"senders": ["NoReply-Lab@TTU.EDU"]})
    assert answer.status_code == 302
    assert relay.senders_of(ServiceRequest.objects.get(reference=reference)) == ["noreply-lab@ttu.edu"]


def test_eleven_senders_are_one_too_many(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    many = [f"sender-{number}@ttu.edu" for number in range(11)]
    answer = post_step(requester_client, reference, "senders", {"senders": many})
    assert answer.status_code == 422
    assert all(sender in words(answer) for sender in many)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_bad_host_name_is_refused_beside_the_field(cast: Cast, requester_client: Client, host: str) -> None:
    data = PAGES["network"] | {"hostname": host}
    assert post_step(requester_client, begin(requester_client), "network", data).status_code == 422


def test_a_trailing_dot_is_understood(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    data = PAGES["network"] | {"hostname": "Copier-7.TTU.edu."}
    assert post_step(requester_client, reference, "network", data).status_code == 302
    request = ServiceRequest.objects.get(reference=reference)
    assert RelayRequest.of(request).hostname == "copier-7.ttu.edu"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("plan.pdf", b"MZ\x90\x00" + b"\x00" * 200, "is not what its name says"),
        ("plan.exe", b"MZ\x90\x00", "not a kind of file we take"),
        ("plan.pdf", b"%PDF-1.7\n" + b"x" * (30 * 1024 * 1024), "the limit is"),
        ("page.txt", b"", "empty"),
        ("page.html", b"<script>", "not a kind of file we take"),
    ],
)
def test_a_file_that_is_not_taken(
    cast: Cast, requester_client: Client, name: str, content: bytes, sentence: str
) -> None:
    request = relay_draft(cast)
    url = f"/requests/{request.reference}/files/"
    answer = requester_client.post(
        url, {"upload": SimpleUploadedFile(name, content), "back": "answers"}, follow=True
    )
    assert answer.status_code == 200
    assert sentence in words(answer)
    assert request.attachments.count() == 0


@pytest.mark.parametrize(
    "url",
    [
        "/queue/?assignee=%C2%B2&older=%C2%B2",
        "/queue/?after=x_y&sort=due",
        "/queue/?sort=oldest&after=9e99",
        "/queue/?tab=nothing&kind=%27&state=none",
        "/requests/?after=99999999999999999999999",
        "/search/?q=%00",
        "/search/?q=%F0%9F%92%A9",
        "/queue/?q=%00&department=%00&kind=%00&state=%00",
    ],
)
def test_an_odd_query_is_answered(cast: Cast, url: str) -> None:
    assert client_of(cast.reviewer).get(url).status_code in (200, 302, 400)


@pytest.mark.parametrize(
    "path",
    [
        "/requests/TM-R-%00/",
        "/permissions/%00/",
        "/requests/TM-R-1001'--/",
        "/requests/..%2f..%2fetc/",
        "/new/nothing/",
        "/requests/TM-R-1/files/99999999999999999999/",
    ],
)
def test_an_odd_address_is_not_found(cast: Cast, path: str) -> None:
    assert client_of(cast.reviewer).get(path).status_code in (400, 404, 405)


def test_odd_fields_of_the_answers_page_are_no_error(cast: Cast, requester_client: Client) -> None:
    request = asked(cast)
    url = f"/requests/{request.reference}/answers/"
    for data in ({"answer_²": "x"}, {f"answer_{'9' * 900}": "x"}, {"revision": "9" * 30}, {"revision": "x"}):
        assert requester_client.post(url, data).status_code in (409, 422), data
    question = Question.objects.get()
    nul = {"revision": request.revision, f"answer_{question.pk}": "It\x00 is", "comment": "\x00"}
    assert requester_client.post(url, nul).status_code == 400
    assert fresh(request).state == State.NEEDS_INFORMATION


def test_a_nul_in_a_form_is_refused_and_not_an_error(cast: Cast, requester_client: Client) -> None:
    reference = begin(requester_client)
    for key, data in PAGES.items():
        spoiled = {
            name: f"{value if isinstance(value, str) else value[0]}\x00" for name, value in data.items()
        }
        assert post_step(requester_client, reference, key, spoiled).status_code == 400, key
    saved = requester_client.post(f"/requests/{reference}/edit/people/save/", {"purpose": "\x00"})
    assert saved.status_code == 400


def test_the_guide_leads_from_an_outside_system_to_its_authorization(requester_client: Client) -> None:
    answer = requester_client.get("/new/?at=relay-outside")
    assert 'href="?at=senders"' in answer.content.decode()
    assert "Which address should people see" in words(requester_client.get("/new/?at=senders"))
