"""What differs between the submission, the decision and now, for reviewers and for the requester."""

import pytest

from portal.lib.outcome import Outcome
from portal.workflow.evidence import evidence_of
from portal.workflow.findings import Finding
from portal.workflow.models import CheckRun, ServiceRequest
from portal.workflow.selectors import timeline
from portal.workflow.services import checking
from portal.workflow.services.reviewing import ApprovalBlocked
from tests.cast import Cast, approve, client_of, fresh
from tests.cast import submitted as relay_submitted
from tests.senders.cast import add_sample, signed, submitted
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
Occasion = CheckRun.Occasion


def one(rule: str, outcome: Outcome, sentence: str = "So it is.", **evidence: object) -> Finding:
    return Finding("REL-1", rule, outcome, sentence, evidence=evidence)


def runs(cast: Cast, *later: list[Finding]) -> ServiceRequest:
    """A request whose submission found nothing but what the first list says, with a run for each further list."""
    request = relay_submitted(cast)
    request.check_runs.all().delete()
    first, *rest = later
    checking.save_check_run(service_request=request, found=first, occasion=Occasion.SUBMISSION)
    for found in rest:
        checking.save_check_run(service_request=request, found=found, occasion=Occasion.RECHECK)
    return request


def rows(request: ServiceRequest, cast: Cast, *, with_facts: bool = True) -> list[str]:
    evidence = evidence_of(request, timeline(request, cast.reviewer))
    return [row.rule for row in evidence.differences(with_facts=with_facts)]


def test_a_single_run_has_nothing_to_be_compared_with(cast: Cast) -> None:
    page = client_of(cast.reviewer).get(relay_submitted(cast).get_absolute_url()).content.decode()
    assert "What changed since the submission" not in page


def test_outcomes_sentences_and_facts_make_a_difference_and_the_time_of_a_check_does_not(cast: Cast) -> None:
    request = runs(
        cast,
        [
            one("same", Outcome.PASS, checked_at="1"),
            one("outcome", Outcome.FAIL),
            one("words", Outcome.WARN, "Then."),
            one("fact", Outcome.PASS, record="v=1"),
            one("picture", Outcome.PASS, drawing={"what": "x"}),
        ],
        [
            one("same", Outcome.PASS, checked_at="2"),
            one("outcome", Outcome.PASS),
            one("words", Outcome.WARN, "Now."),
            one("fact", Outcome.PASS, record="v=2"),
            one("picture", Outcome.PASS, drawing={"what": "y"}),
        ],
    )
    assert rows(request, cast) == ["outcome", "words", "fact"]
    assert rows(request, cast, with_facts=False) == ["outcome", "words"]


def test_a_rule_that_came_or_went_matters_where_it_is_not_in_order(cast: Cast) -> None:
    request = runs(
        cast,
        [one("went", Outcome.FAIL), one("went-well", Outcome.PASS)],
        [one("came", Outcome.WARN), one("came-well", Outcome.PASS)],
    )
    assert rows(request, cast) == ["went", "came"]


def test_facts_are_for_reviewers(cast: Cast) -> None:
    request = runs(
        cast,
        [one("fact", Outcome.PASS, record="v=old")],
        [one("fact", Outcome.PASS, record=["v=new", "b"], more=None)],
    )
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "v=old" in page
    assert "v=new, b" in page
    page = client_of(cast.requester).get(request.get_absolute_url()).content.decode()
    assert "v=old" not in page
    assert "They found the same." in page


def test_submission_decision_and_now_stand_beside_one_another(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    publish(names)
    approve(cast, request)
    add_sample(request, signed())
    names.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    checking.recheck(service_request=fresh(request), actor=cast.reviewer)
    evidence = evidence_of(request, timeline(request, cast.reviewer))
    assert [moment.label for moment in evidence.moments] == ["At submission", "At decision", "Now"]
    found = {
        row.rule: [cell and cell.outcome for _, cell in row.beside]
        for row in evidence.differences(with_facts=True)
    }
    assert found["dkim:s1"] == ["warn", "pass", "fail"]
    assert "statement" not in found  # not asked again, and no difference for that
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    for words in ("At submission", "At decision", ">Now<", "Then and now"):
        assert words in page
    assert "CNAME s1.dkim" not in page.partition("Then and now")[2].partition("<h3>At the decision")[0]


def test_a_refused_approval_shows_what_barred_it(published: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    published.remove("s1._domainkey.crm.ttu.edu", "CNAME")
    published.remove("s1.dkim.crmvendor.example", "TXT")
    answer = client_of(cast.reviewer).post(
        f"/requests/{request.reference}/do/approve/",
        {
            "approve-revision": request.revision,
            "approve-comment": "Fine.",
            "approve-starts_on": "",
            "approve-ends_on": "",
        },
    )
    assert answer.status_code == 422
    with pytest.raises(ApprovalBlocked):
        approve(cast, fresh(request))
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "What changed since the submission" in page


def test_hostile_records_are_kept_and_shown_as_text(cast: Cast) -> None:
    record = "v=DKIM1; p=<script>alert(1)</script>\0\udc80"
    request = runs(
        cast,
        [one("hostile", Outcome.FAIL, f"It says {record}", record=record, notes=[record])],
        [one("hostile", Outcome.PASS)],
    )
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    stored = request.check_runs.order_by("id")[0].findings.get()
    assert "\0" not in stored.sentence
    assert stored.evidence["record"].endswith("\ufffd?")
