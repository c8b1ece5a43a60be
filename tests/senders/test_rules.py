"""The checks by clause, against the name server of this folder's zones."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.findings import Finding
from portal.workflow.services import reviewing
from senders.plan import PlanRefused, parse_key_plan
from tests.cast import Cast, approve
from tests.mailauth.signing import rsa_key
from tests.senders.cast import KEY, sender_draft, submitted, waiting
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
Case = tuple[str, dict[str, Any], str, str, bool, str]
OURS: dict[str, Any] = {
    "identity": "mail_domain",
    "sending_domain": "ttu.edu",
    "signing_domain": "ttu.edu",
    "identity_reason": "Alumni know this address.",
    "addresses": ("alumni@ttu.edu",),
}


def finding(cast: Cast, rule: str, **facts: Any) -> Finding:
    draft = sender_draft(cast, **facts)
    found = {one.rule: one for one in draft.kind_entry.check(draft)}
    return found[rule]


@pytest.mark.parametrize(
    "case",
    [
        ("model", {}, "AUT-0", "pass", False, "ExampleCRM"),
        ("model", {"service_model": ""}, "AUT-0", "fail", True, "missing"),
        ("sponsor", {}, "AUT-1", "pass", False, "stands for"),
        ("sponsor", {"sponsor": None}, "AUT-1", "fail", True, "nobody"),
        ("contract", {"contract_ends_on": None}, "AUT-1", "fail", True, "over"),
        (
            "contract",
            {"contract_ends_on": timezone.localdate() - timedelta(days=1)},
            "AUT-1",
            "fail",
            True,
            "over",
        ),
        ("agreement", {"agreement": "none"}, "AUT-2", "pass", False, "Nothing is signed"),
        ("agreement", {"agreement": "signed"}, "AUT-2", "warn", False, "was signed before"),
        ("agreement", {"agreement": "click_through"}, "AUT-2", "warn", False, "accepted on a web page"),
        ("handling", {"classification": "ferpa"}, "AUT-2", "warn", False, "TX-RAMP"),
        ("handling", {"is_bulk": True}, "AUT-2", "warn", False, "MKT-4"),
        ("exit", {"exit_plan": ""}, "AUT-2", "fail", True, "how the service ends"),
        ("statement", {"is_attested": False}, "OVR-4", "fail", True, "missing"),
        ("identity", {}, "OVR-5", "pass", False, "subdomain"),
        ("identity", OURS, "OVR-5", "warn", False, "as @ttu.edu itself"),
        ("identity", OURS | {"identity_reason": ""}, "OVR-5", "fail", True, "as @ttu.edu itself"),
        ("from:news@ttu.edu", {"addresses": ("news@ttu.edu",)}, "OVR-5", "fail", True, "not at crm.ttu.edu"),
        ("from:payroll@ttu.edu", OURS | {"addresses": ("payroll@ttu.edu",)}, "OVR-5", "fail", True, "office"),
        ("envelope", {"envelope_domain": "ttu.edu"}, "AUT-3", "fail", True, "bounces"),
        ("envelope-domain", {}, "AUT-3", "pass", False, "takes bounces and has an SPF record"),
        (
            "envelope-domain",
            {"envelope_domain": "nowhere.crmvendor.example"},
            "AUT-3",
            "fail",
            True,
            "does not exist",
        ),
        (
            "envelope-domain",
            {"envelope_domain": "silent.crmvendor.example"},
            "AUT-3",
            "unknown",
            True,
            "SERVFAIL",
        ),
        (
            "envelope-domain",
            {"envelope_domain": "new.ttu.edu", "spf_term": "include:spf.crmvendor.example"},
            "AUT-3",
            "warn",
            False,
            "does not exist yet",
        ),
        (
            "envelope-domain",
            {"envelope_domain": "spf.crmvendor.example"},
            "AUT-3",
            "warn",
            False,
            "takes no mail",
        ),
        (
            "envelope-domain",
            {"envelope_domain": "mx.crmvendor.example"},
            "AUT-3",
            "warn",
            False,
            "no SPF record",
        ),
        (
            "envelope-domain",
            {"envelope_domain": "two.crmvendor.example"},
            "AUT-3",
            "warn",
            False,
            "2 SPF records",
        ),
        (
            "zone:bounce.crm.ttu.edu",
            {"envelope_domain": "bounce.crm.ttu.edu", "spf_term": "include:spf.crmvendor.example"},
            "AUT-3",
            "warn",
            False,
            "exactly one",
        ),
        # --- DKIM
        ("dkim:s1", {}, "AUT-3", "warn", False, "not published yet"),
        ("dkim:s1", {"keys": ("s1 nothing.dkim.crmvendor.example",)}, "AUT-3", "fail", True, "has no key"),
        ("dkim:s1", {"keys": ("s1 revoked.dkim.crmvendor.example",)}, "AUT-3", "fail", True, "revoked"),
        (
            "dkim:dangling",
            {"keys": ("dangling s1.dkim.crmvendor.example",)},
            "AUT-3",
            "fail",
            True,
            "target nothing",
        ),
        ("dkim:revoked", {"keys": ("revoked s1.dkim.crmvendor.example",)}, "AUT-3", "fail", True, "revoked"),
        ("dkim:weak", {"keys": ("weak s1.dkim.crmvendor.example",)}, "AUT-3", "fail", True, "512 bits"),
        ("dkim:broken", {"keys": ("broken s1.dkim.crmvendor.example",)}, "AUT-3", "fail", True, "no base64"),
        ("dkim:testing", {"keys": ("testing s1.dkim.crmvendor.example",)}, "AUT-3", "warn", False, "t=y"),
        (
            "dkim:silent",
            {"keys": ("silent s1.dkim.crmvendor.example",)},
            "AUT-3",
            "unknown",
            True,
            "did not say",
        ),
        ("dkim", {"keys": ()}, "AUT-3", "fail", True, "missing"),
        # --- DMARC, SPF, reach, sample
        ("dmarc", {}, "OVR-4", "pass", False, "reject"),
        ("spf", {}, "AUT-3", "pass", False, "No SPF record"),
        (
            "spf",
            {"envelope_domain": "bounce.crm.ttu.edu", "spf_term": "include:spf.crmvendor.example"},
            "AUT-3",
            "pass",
            False,
            "needs 1 of 10",
        ),
        (
            "spf",
            {"envelope_domain": "full.ttu.edu", "spf_term": "include:spf.crmvendor.example"},
            "AUT-3",
            "fail",
            True,
            "needs 11 DNS lookups",
        ),
        ("reach:dkim", {}, "OVR-4", "warn", False, "Remedy: psd=n at _dmarc.crm.ttu.edu"),
        (
            "reach:spf",
            {"envelope_domain": "bounce.crm.ttu.edu", "spf_term": "include:spf.crmvendor.example"},
            "OVR-4",
            "warn",
            False,
            "@ttu.edu",
        ),
        ("sample", {}, "OVR-4", "warn", False, "No signed sample"),
    ],
)
def test_each_rule_cites_its_clause_and_weighs_what_it_should(
    names: DnsServer, cast: Cast, case: Case
) -> None:
    rule, facts, clause, outcome, blocks, words = case
    found = finding(cast, rule, **facts)
    assert (found.clause, found.outcome, found.blocks) == (clause, outcome, blocks)
    assert words in found.sentence


def test_the_reach_names_identities_and_remedies_in_its_evidence(names: DnsServer, cast: Cast) -> None:
    found = finding(cast, "reach:dkim")
    assert "@ttu.edu" in found.evidence["identities"]
    assert {"_dmarc.crm.ttu.edu", "_dmarc.ttu.edu"} == {one["record"] for one in found.evidence["remedies"]}
    assert "passes as @crm.ttu.edu, @ttu.edu" in found.sentence


def test_a_published_plan_is_sound(published: DnsServer, cast: Cast) -> None:
    found = finding(cast, "dkim:s1")
    assert (found.outcome, found.sentence) == (
        "pass",
        "The key at s1._domainkey.crm.ttu.edu is published and sound (rsa, 2048 bits).",
    )
    assert found.evidence["chain"] == ["s1.dkim.crmvendor.example"]


def test_a_key_of_the_plan_itself_is_judged(names: DnsServer, cast: Cast) -> None:
    assert finding(cast, "dkim:k1", keys=(f"k1 {rsa_key().record}",)).outcome == "warn"


def test_a_blocking_finding_bars_approval(names: DnsServer, cast: Cast) -> None:
    request = submitted(cast, keys=("s1 nothing.dkim.crmvendor.example",))
    assert request.blocking_findings == 1
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, request)
    assert not Grant.objects.exists()


def test_the_selector_of_another_service_is_taken(names: DnsServer, cast: Cast) -> None:
    grant = waiting(cast)
    found = finding(cast, "taken:s1", requester=cast.colleague)
    assert (found.clause, found.outcome, found.blocks) == ("AUT-3", "fail", True)
    assert grant.reference in found.sentence


def test_a_dns_that_is_silent_passes_nothing(names: DnsServer, cast: Cast, settings: Any) -> None:
    publish(names)
    settings.DNS_DEADLINE_SECONDS = 0.4
    names.drop("s1._domainkey.crm.ttu.edu")
    names.drop("_dmarc.crm.ttu.edu")
    draft = sender_draft(cast)
    found = {one.rule: one.outcome for one in draft.kind_entry.check(draft)}
    assert (found["dkim:s1"], found["dmarc"]) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (KEY, ("s1", "CNAME", "s1.dkim.crmvendor.example")),
        ("  S1   CNAME  s1._domainkey.Vendor.example. ", ("s1", "CNAME", "s1._domainkey.vendor.example")),
        (f'k1 TXT "{rsa_key().record}"', ("k1", "TXT", rsa_key().record)),
    ],
)
def test_a_row_of_the_dkim_plan_is_read(typed: str, stored: tuple[str, str, str]) -> None:
    plan = parse_key_plan(typed)
    assert (plan.selector, plan.kind, plan.value) == stored
    assert parse_key_plan(str(plan)) == plan


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "s1",
        "s/1 s1.vendor.example",
        "s1 192.0.2.1",
        "s1 v=DKIM1; p=",
        's1 v=DKIM1; p=ab"c',
        "s1 a\x00b.example",
        "s1 \N{LATIN SMALL LETTER E WITH ACUTE}.example",
        "s1 two words.example",
        "s1 " + "a" * 3000,
    ],
)
def test_a_row_that_is_no_plan_gets_a_sentence(typed: str) -> None:
    with pytest.raises(PlanRefused) as caught:
        parse_key_plan(typed)
    assert str(caught.value).endswith((".", "?"))


def test_the_term_begins_with_the_contract(published: DnsServer, cast: Cast) -> None:
    today = timezone.localdate()
    begins, ends = today + timedelta(days=40), today + timedelta(days=300)
    request = submitted(cast, contract_starts_on=begins, contract_ends_on=ends)
    terms = request.kind_entry.default_terms(request, today)
    assert (terms.starts_on, terms.ends_on) == (begins, ends)
    grant = approve(cast, request)
    assert (grant.starts_on, grant.is_in_force_today) == (begins, False)
