"""The button "Check again": who has it, with and without JavaScript, how often, and what it leaves behind."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.lib.outcome import Outcome
from portal.lib.problems import WrongState
from portal.lib.throttle import Rate, TooOften
from portal.workflow.findings import Finding
from portal.workflow.models import CheckRun, ServiceRequest
from portal.workflow.services import attaching, checking, requesting, reviewing
from senders.kind import SendersKind
from tests.cast import SENDER, Cast, approve, client_of, fresh
from tests.cast import submitted as relay_submitted
from tests.senders.cast import active, submitted, waiting
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import submitted as whitelist_submitted

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def again(request: ServiceRequest) -> str:
    return f"/requests/{request.reference}/recheck/"


def test_without_javascript_the_page_comes_back_with_fresh_evidence(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    publish(names)
    for person in (cast.requester, cast.reviewer):
        answer = client_of(person).post(again(request), follow=True)
        assert answer.redirect_chain == [(f"{request.get_absolute_url()}#evidence", 302)]
        page = answer.content.decode()
        assert "The checks ran again" in page
        assert "is published and sound" in page
    assert request.check_runs.filter(occasion=CheckRun.Occasion.RECHECK).count() == 2
    assert [event.action for event in request.events.all()][-2:] == ["recheck", "recheck"]


def test_htmx_gets_the_evidence_without_a_redirect(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    publish(names)
    answer = client_of(cast.reviewer).post(again(request), headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="evidence"' in page
    assert "is published and sound" in page
    assert 'hx-select-oob="#evidence-said,#barred,#happened"' in page
    for part in ("evidence-said", "barred", "happened", "checking"):
        assert page.count(f'id="{part}"') == 1


@pytest.mark.parametrize("htmx", [{}, HTMX])
def test_too_often_for_one_request_says_when_to_come_back(
    names: DnsServer, cast: Cast, htmx: dict[str, str]
) -> None:
    request = submitted(cast)
    reviewer, requester = client_of(cast.reviewer), client_of(cast.requester)
    for number in range(checking.OF_ONE_REQUEST.times):
        assert (reviewer, requester)[number % 2].post(again(request), headers=htmx).status_code in (200, 302)
    asked = len(names.asked)
    answer = reviewer.post(again(request), headers=htmx)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= checking.OF_ONE_REQUEST.seconds
    assert f"Try again in {answer.headers['Retry-After']} second" in answer.content.decode()
    assert len(names.asked) == asked
    assert request.check_runs.count() == 1 + checking.OF_ONE_REQUEST.times


def test_too_often_for_one_person_counts_over_all_requests(cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr(checking, "OF_ONE_PERSON", Rate(times=2, seconds=600))
    requests = [relay_submitted(cast, address=f"129.118.10.{n}", host=f"c-{n}.ttu.edu") for n in (21, 22, 23)]
    for request in requests[:2]:
        checking.recheck(service_request=request, actor=cast.reviewer)
    with pytest.raises(TooOften) as refused:
        checking.recheck(service_request=requests[2], actor=cast.reviewer)
    assert refused.value.wait > 0
    checking.recheck(service_request=requests[2], actor=cast.requester)


@pytest.mark.parametrize(
    "person", ["colleague", "second_reviewer", "postmaster", "cio", "auditor", "sponsor"]
)
def test_who_has_the_button(names: DnsServer, cast: Cast, person: str) -> None:
    request = submitted(cast, sponsor=cast.sponsor)
    client = client_of(getattr(cast, person))
    expected = {"colleague": 404, "second_reviewer": 302}.get(person, 403)
    page = client.get(request.get_absolute_url())
    assert ('id="check-again"' in page.content.decode()) == (expected == 302)
    assert client.post(again(request)).status_code == expected


def test_the_dns_is_asked_outside_the_transaction(
    names: DnsServer, transactional_db: None, cast: Cast, monkeypatch: Any
) -> None:
    request = submitted(cast)
    seen = []

    def look(service_request: ServiceRequest) -> list[Any]:
        seen.append(connection.in_atomic_block)
        return service_request.kind_entry.check(service_request)

    monkeypatch.setattr(checking, "run_checks", look)
    assert client_of(cast.reviewer).post(again(request)).status_code == 302
    assert seen == [False]


def test_a_request_that_moved_on_meanwhile_keeps_its_evidence(
    names: DnsServer, cast: Cast, monkeypatch: Any
) -> None:
    request = submitted(cast)

    def look(service_request: ServiceRequest) -> list[Any]:
        reviewing.deny(
            service_request=fresh(request),
            actor=cast.reviewer,
            revision=request.revision,
            comment="Not needed.",
            clauses=["AUT-1"],
        )
        return []

    monkeypatch.setattr(checking, "run_checks", look)
    with pytest.raises(WrongState):
        checking.recheck(service_request=request, actor=cast.reviewer)
    assert request.check_runs.count() == 1


def test_a_closed_request_is_not_checked(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    requesting.withdraw(service_request=request, actor=cast.requester, revision=request.revision, comment="")
    assert client_of(cast.requester).post(again(request)).status_code == 409
    assert (
        'id="check-again"' not in client_of(cast.requester).get(request.get_absolute_url()).content.decode()
    )


def test_after_the_decision_what_the_permission_rests_on_is_asked_and_the_decision_stays(
    published: DnsServer, cast: Cast
) -> None:
    request = active(cast).request
    decided = request.check_runs.latest()
    published.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    answer = client_of(cast.requester).post(again(request), headers=HTMX)
    page = answer.content.decode()
    assert "This is the evidence as it stood at the decision." in page
    assert "Then and now" in page
    assert "is not published, and the service was approved with it" in page
    assert page.index("Then and now") < page.index("<h3>At the decision</h3>")
    assert "is published and sound" in page.partition("<h3>At the decision</h3>")[2]
    assert fresh(request).blocking_findings == 0
    assert request.events.get(action="approve").check_run == decided


def test_before_the_proof_a_record_may_still_be_missing(names: DnsServer, cast: Cast) -> None:
    request = waiting(cast).request
    client_of(cast.requester).post(again(request))
    found = request.check_runs.latest().findings.get(rule="dkim:s1")
    assert (found.outcome, "not published yet" in found.sentence) == ("warn", True)


def test_the_other_kinds_ask_what_their_permission_rests_on(names: DnsServer, cast: Cast) -> None:
    names.txt("_dmarc.vendor.example", "v=DMARC1; p=reject")
    names.add("vendor.example", "MX", "10 mx.vendor.example.")
    whitelisted = whitelist_submitted(cast)
    relayed = relay_submitted(cast)
    for request in (whitelisted, relayed):
        approve(cast, request)
    names.remove("_dmarc.vendor.example", "TXT")
    DirectoryAddress.objects.filter(address=SENDER).update(gone_at=timezone.now())
    for request, words in ((whitelisted, "has no DMARC record"), (relayed, f"no longer knows {SENDER}")):
        page = client_of(cast.reviewer).post(again(request), headers=HTMX).content.decode()
        assert words in page.partition("Then and now")[2].partition("<h3>At the decision")[0]


def test_what_has_ended_is_not_checked_again(published: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    type(grant).objects.filter(pk=grant.pk).update(state="revoked")
    assert client_of(cast.requester).post(again(grant.request)).status_code == 409


# ---------------------------------------------------------------- waivers
def found(rule: str, outcome: Outcome, *, waivable: bool = True) -> Finding:
    return Finding("MKT-3", rule, outcome, "The window is full.", waivable=waivable)


def with_run(cast: Cast, *findings: Finding) -> ServiceRequest:
    """A request whose submission could have been let through, with a newer run of `findings`."""
    request = relay_submitted(cast)
    for run in ([found("window", Outcome.FAIL)], findings):
        checking.save_check_run(service_request=request, found=run, occasion=CheckRun.Occasion.RECHECK)
    return request


def test_what_the_newest_run_bars_can_be_waived_by_name(cast: Cast) -> None:
    request = with_run(cast, found("window", Outcome.FAIL), found("other", Outcome.UNKNOWN))
    assert fresh(request).blocking_findings == 2
    checking.waive(service_request=request, actor=cast.reviewer, rule="window", reason="It was agreed.")
    assert request.waivers.get().clause == "MKT-3"
    assert fresh(request).blocking_findings == 1


@pytest.mark.parametrize(
    "newer",
    [
        [],
        [found("window", Outcome.PASS)],
        [found("window", Outcome.WARN)],
        [found("window", Outcome.FAIL, waivable=False)],
        [found("another", Outcome.FAIL)],
    ],
)
def test_what_only_an_older_run_found_cannot_be_waived(cast: Cast, newer: list[Finding]) -> None:
    request = with_run(cast, *newer)
    with pytest.raises(ValidationError, match="nothing to set aside"):
        checking.waive(service_request=request, actor=cast.reviewer, rule="window", reason="It was agreed.")
    assert not request.waivers.exists()


# ---------------------------------------------------------------- cost
def queries(cast: Cast, request: ServiceRequest) -> int:
    client = client_of(cast.reviewer)
    client.get(request.get_absolute_url())  # what a process reads once is not the page's own
    with CaptureQueriesContext(connection) as captured:
        assert client.get(request.get_absolute_url()).status_code == 200
    return len(captured)


# Three of a relay request's are what its owner, department and senders may send in all (MKT-4).
@pytest.mark.parametrize(("make", "least"), [(relay_submitted, 15), (submitted, 12)])
def test_the_page_costs_two_queries_more_with_everything_on_it(
    names: DnsServer, cast: Cast, make: Any, least: int
) -> None:
    request = make(cast)
    assert queries(cast, request) == least
    found = checking.run_checks(request)
    checking.save_check_run(service_request=request, found=found, occasion=CheckRun.Occasion.RECHECK)
    assert queries(cast, request) == least + 1  # a run that the timeline does not tell of
    checking.recheck(service_request=fresh(request), actor=cast.reviewer)
    assert queries(cast, request) == least
    upload = SimpleUploadedFile("note.txt", b"What the vendor wrote.", "text/plain")
    attaching.attach(service_request=fresh(request), actor=cast.requester, upload=upload)
    now = fresh(request)
    reviewing.ask(
        service_request=now, actor=cast.reviewer, revision=now.revision, questions=[("", "Why so?")]
    )
    assert queries(cast, request) == least + 2


def test_a_kind_that_is_checked_daily_says_so() -> None:
    assert SendersKind().is_checked_after_decision


def test_the_renewed_permission_is_checked_by_its_newest_request(published: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    assert request.kind_entry.check_after_decision(request) is None
    grant = approve(cast, request)
    found = request.kind_entry.check_after_decision(request)
    assert found is not None
    assert {one.rule for one in found} >= {"dkim:s1", "dmarc"}
    other = submitted(cast, keys=("s2 s1.dkim.crmvendor.example",))
    type(grant).objects.filter(pk=grant.pk).update(latest_request=other)
    assert request.kind_entry.check_after_decision(request) is None
