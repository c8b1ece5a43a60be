"""The whitelist line through services: request, checks, decision, grant, renewal; and through its form."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.services import issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.workflow import guide_tree, registry
from portal.workflow.guide import Question
from portal.workflow.kinds import Terms
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import answering, requesting, reviewing
from tests.cast import Cast, approve, client_of, fresh
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import ADDRESS, submitted, whitelist_draft
from whitelist.forms import AffectedStep, ControlStep, ObservedStep, SenderStep, StatementStep, VendorStep
from whitelist.models import WhitelistRequest

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- to a grant, or not
def test_a_vendor_with_dmarc_is_approved_for_a_year(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    assert (request.stage, request.blocking_findings) == ("review", 0)
    grant = approve(cast, request)
    assert grant.state == GrantState.ACTIVE
    assert grant.reference.startswith("TM-W-")
    assert 363 <= (grant.ends_on - grant.starts_on).days <= 365
    assert [row.value for row in grant.whitelist.entries.all()] == [ADDRESS]
    sentence = grant.kind_entry.permission_sentence(grant)
    assert "skips the content filter" in sentence
    assert "delivery is not promised" in sentence


@pytest.mark.parametrize(
    ("address", "clause"), [("notices@bare.example", "WHT-3"), ("notices@silent.example", "WHT-3")]
)
def test_a_vendor_without_dmarc_cannot_be_approved(
    names: DnsServer, cast: Cast, address: str, clause: str
) -> None:
    request = submitted(cast, addresses=(address,))
    assert request.blocking_findings == 1
    with pytest.raises(reviewing.ApprovalBlocked) as caught:
        approve(cast, request)
    assert [finding.clause for finding in caught.value.findings] == [clause]
    assert not Grant.objects.exists()


def test_dmarc_is_asked_again_before_the_decision(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast)
    names.remove("_dmarc.vendor.example", "TXT")
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, request)


def test_a_whole_domain_passes_the_postmaster_and_needs_its_reason(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast, addresses=(), domains=("vendor.example",))
    assert request.stage == "postmaster"
    reviewing.advance(
        service_request=request, actor=cast.postmaster, revision=request.revision, comment="Many addresses."
    )
    grant = approve(cast, fresh(request))
    assert "any address @vendor.example" in grant.kind_entry.permission_sentence(grant)
    bare = submitted(cast, addresses=(), domains=("mail.vendor.example",), domain_reason="")
    assert any("needs a reason" in one.sentence for one in bare.kind_entry.check(bare) if one.blocks)


def test_the_sponsor_is_another_person_and_never_decides(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast, sponsor=cast.reviewer)
    with pytest.raises(Exception, match="somebody else") as caught:
        approve(cast, request, actor=cast.reviewer)
    assert getattr(caught.value, "status", 0) == 403
    own = submitted(cast, sponsor=cast.requester)
    assert any(one.clause == "WHT-2" and one.blocks for one in own.kind_entry.check(own))


def test_a_reviewer_cuts_what_is_not_granted(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast, addresses=(ADDRESS, "billing@vendor.example"))
    terms = request.kind_entry.default_terms(request, timezone.localdate())
    grant = approve(cast, request, terms=Terms(terms.starts_on, terms.ends_on, {"addresses": [ADDRESS]}))
    assert [row.value for row in grant.whitelist.entries.all()] == [ADDRESS]


def test_what_is_whitelisted_already_is_not_granted_twice(names: DnsServer, cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    again = submitted(cast, requester=cast.outsider)
    with pytest.raises(reviewing.ApprovalBlocked) as caught:
        approve(cast, again)
    assert any(grant.reference in finding.sentence for finding in caught.value.findings)
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Sent spam.")
    assert approve(cast, fresh(again)).state == GrantState.ACTIVE


def test_of_two_open_requests_for_one_address_the_later_one_waits(names: DnsServer, cast: Cast) -> None:
    first = submitted(cast)
    second = submitted(cast, requester=cast.outsider)
    (barred,) = [found for found in second.kind_entry.check(second) if found.blocks]
    assert barred.rule == f"pending:{ADDRESS}"
    assert first.reference in barred.sentence
    assert not [found for found in first.kind_entry.check(first) if found.blocks]
    requesting.withdraw(service_request=first, actor=cast.requester, revision=first.revision)
    assert approve(cast, fresh(second)).state == GrantState.ACTIVE


def test_a_name_near_ours_is_a_warning_that_the_reviewer_sees(names: DnsServer, cast: Cast) -> None:
    names.txt("_dmarc.ttu-press.com", "v=DMARC1; p=reject")
    names.add("ttu-press.com", "MX", "10 mx.vendor.example.")
    request = submitted(cast, addresses=("notices@ttu-press.com",))
    (doubt,) = [found for found in request.kind_entry.check(request) if found.rule.startswith("our-name:")]
    assert (doubt.clause, doubt.outcome, doubt.must) == ("WHT-5", "warn", False)
    assert "carries our name (ttu)" in doubt.sentence


def test_a_renewal_keeps_the_answers_and_asks_for_the_statements_anew(names: DnsServer, cast: Cast) -> None:
    grant = approve(cast, submitted(cast, hosted_services="A mailing platform"))
    with time_machine.travel(f"{grant.ends_on - timedelta(days=20)}T12:00:00-06:00", tick=True):
        renewal = issuing.begin_renewal(grant=grant, actor=cast.requester)
        assert requesting.missing_steps(renewal) == ["control", "statement"]
        detail = WhitelistRequest.of(renewal)
        assert (detail.vendor, detail.hosted_services, renewal.sponsor) == (
            "Vendor Inc.",
            "A mailing platform",
            cast.sponsor,
        )
        assert not detail.is_attested
        assert not detail.is_dedicated
        stated = dict.fromkeys(("is_controlled", "is_dedicated", "is_hosted_controlled", "is_attested"), True)
        answering.write_columns(detail=detail, columns=stated)
        for key in ("control", "statement"):
            DraftStep.objects.create(service_request=renewal, step=key, is_complete=True)
        requesting.submit(service_request=renewal, actor=cast.requester, revision=renewal.revision)
        renewal = fresh(renewal)
        assert (renewal.stage, renewal.blocking_findings) == ("renewal", 0)
        renewed = approve(cast, renewal)
        assert renewed.pk == grant.pk
        assert renewed.ends_on > grant.ends_on


# ---------------------------------------------------------------- the form
def filled(form_class: Any, request: ServiceRequest, **answers: Any) -> Any:
    query = QueryDict(mutable=True)
    for name, value in answers.items():
        query.setlist(name, value if isinstance(value, list) else [value])
    form = form_class(request, query)
    form.is_valid()
    return form


def test_the_form_refuses_in_the_field_and_keeps_what_is_right(names: DnsServer, cast: Cast) -> None:
    draft = whitelist_draft(cast)
    form = filled(SenderStep, draft, addresses=["notices@vendor.example", "a@[192.0.2.1]", "me@gmail.com"])
    assert [str(one)[:12] for one in form.errors["addresses"]] == ["Row 2: WHT-4", "Row 3: WHT-5"]
    assert filled(SenderStep, draft).errors == {"addresses": ["Enter at least one address."]}
    assert list(filled(SenderStep, draft, domains=["vendor.example"]).errors) == ["domain_reason"]
    both = filled(SenderStep, draft, addresses=[ADDRESS], domains=["vendor.example"], domain_reason="Many")
    assert "lies in a domain" in both.errors["addresses"][0]
    assert filled(SenderStep, draft, addresses=[ADDRESS]).errors == {}


def test_a_handful_of_people_get_the_safe_senders_answer(cast: Cast) -> None:
    draft = whitelist_draft(cast)
    rest = {"affected_who": "us", "safelist_reason": "no"}
    few = filled(AffectedStep, draft, affected="few", **rest)
    assert "safe senders" in few.errors["affected"][0]
    counted = filled(AffectedStep, draft, affected="group", affected_count="9", **rest)
    assert "safe senders" in counted.errors["affected_count"][0]
    assert filled(AffectedStep, draft, affected="group", affected_count="10", **rest).errors == {}
    assert filled(AffectedStep, draft, affected="system", **rest).errors == {}
    assert "affected_count" in filled(AffectedStep, draft, affected="many", **rest).errors


def test_the_other_pages_say_what_is_missing(cast: Cast) -> None:
    draft = whitelist_draft(cast)
    seen = filled(
        ObservedStep,
        draft,
        observed_on="2999-01-01",
        observed_recipient="a@vendor.example",
        observed_verdict="junk",
    )
    assert list(seen.errors) == ["observed_on", "observed_recipient"]
    for person in (cast.requester.email, "nobody@ttu.edu"):
        vendor = filled(VendorStep, draft, vendor="V", relationship="R", evidence="E", sponsor=person)
        assert list(vendor.errors) == ["sponsor"]
    assert list(filled(ControlStep, draft).errors) == [
        "is_controlled",
        "is_dedicated",
        "is_hosted_controlled",
    ]
    assert "WHT-0" in filled(StatementStep, draft).errors["is_attested"][0]


def test_a_draft_is_not_submitted_before_the_last_statement(cast: Cast) -> None:
    draft = whitelist_draft(cast)
    draft.draft_steps.filter(step="statement").delete()
    with pytest.raises(ValidationError):
        requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)


# ---------------------------------------------------------------- the pages and the guide
def test_every_page_of_the_form_opens_and_the_live_check_asks_the_dns(names: DnsServer, cast: Cast) -> None:
    draft = whitelist_draft(cast)
    client = client_of(cast.requester)
    for step in draft.kind_entry.steps:
        assert client.get(f"/requests/{draft.reference}/edit/{step.key}/").status_code == 200
    live = f"/requests/{draft.reference}/edit/sender/check/addresses/"
    assert "no DMARC record" in client.post(live, {"addresses": ["a@bare.example"]}).content.decode()
    assert "policy reject" in client.post(live, {"addresses": [ADDRESS]}).content.decode()
    assert "never whitelisted" in client.post(live, {"addresses": ["a@[::1]"]}).content.decode()
    answers = client.get(f"/requests/{draft.reference}/answers/").content.decode()
    assert "Contract 2026-114" in answers


def test_the_grants_page_says_what_it_does_not_do(names: DnsServer, cast: Cast) -> None:
    grant = approve(cast, submitted(cast))
    page = client_of(cast.requester).get(f"/permissions/{grant.reference}/").content.decode()
    assert ADDRESS in page
    assert "delivery is not promised" in page


def test_the_guide_leads_everybody_to_an_answer(cast: Cast) -> None:
    nodes, seen, todo = guide_tree.nodes(), set(), ["whitelist"]
    while todo:
        key = todo.pop()
        node = nodes[key]
        seen.add(key)
        if isinstance(node, Question):
            todo += [option.leads_to for option in node.options if option.leads_to not in seen]
    assert {"own-inbox", "whitelist-shared", "whitelist-form-group", "whitelist-form-many"} <= seen
    draft = requesting.create_draft(kind=registry.get("whitelist"), requester=cast.requester, prefill="many")
    assert WhitelistRequest.of(draft).affected == "many"
    few = requesting.create_draft(kind=registry.get("whitelist"), requester=cast.requester, prefill="few")
    assert WhitelistRequest.of(few).affected == ""
