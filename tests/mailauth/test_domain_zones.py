"""Every trap of the zones in the repository, from a real authoritative server and from our own."""

import pytest

from portal.lib.outcome import Outcome
from portal.mailauth.dkim_selectors import check_selector
from portal.mailauth.dmarc import DmarcReport, check_dmarc
from portal.mailauth.domain_report import check_domain
from portal.mailauth.mx import check_mx
from portal.mailauth.names import parse_domain
from portal.mailauth.resolver import Resolver
from portal.mailauth.spf import SpfReport, check_spf


def dmarc_of(name: str, zones: Resolver) -> DmarcReport:
    return zones.run(lambda session: check_dmarc(name, session))


def spf_of(name: str, zones: Resolver) -> SpfReport:
    return zones.run(lambda session: check_spf(name, session))


def test_vendor_in_good_order(zones: Resolver) -> None:
    report = check_domain(parse_domain("vendor.example"), selectors=["s1", "s2", "s3"], resolver=zones)
    assert report.dmarc.policy == "quarantine"
    assert report.dmarc.found_at == "vendor.example"
    assert (report.spf.outcome, report.spf.lookups, report.spf.void_lookups, report.spf.all) == (
        "pass",
        8,
        0,
        "fail",
    )
    assert [(one.outcome, one.key and one.key.key_type, one.key and one.key.bits) for one in report.dkim] == [
        (Outcome.PASS, "rsa", 2048),
        (Outcome.PASS, "ed25519", 256),
        (Outcome.PASS, "rsa", 4096),
    ]
    assert report.dkim[2].chain == ("key.hosted.vendor.example",)
    assert "key.hosted.vendor.example" in report.dkim[2].notes[0].text
    assert report.mx.hosts == ("mx.vendor.example",)


def test_report_addresses_elsewhere(zones: Resolver) -> None:
    found = {one.domain: one.authorized for one in dmarc_of("vendor.example", zones).report_destinations}
    assert found == {"reports.example": True, "silent.example": False}


DMARC_TRAPS = [
    ("twice", "fail", None, "2 DMARC records"),
    ("nonsense", "fail", None, "not maybe"),
    ("nosep", "fail", None, "There is no DMARC record"),
    ("late", "fail", None, "There is no DMARC record"),
    ("monitor", "warn", "none", "p tag value of none"),
    ("nop", "warn", "none", "missing p tag"),
    ("old", "warn", "reject", "pct tag was removed in RFC 9989"),
    ("testing", "warn", "reject", "apply quarantine instead of reject"),
    ("stray", "warn", "reject", "1 other TXT record"),
    ("open", "warn", "reject", "np=none"),
    ("alias", "warn", "reject", "is an alias of _dmarc.good.traps.example"),
    # Its parent has no record, so the tree walk makes it its own organization and the suffix list does not.
    ("good", "warn", "reject", "good.traps.example by the tree walk (RFC 9989), traps.example by the public"),
    ("absent", "fail", None, "There is no DMARC record"),
]


@pytest.mark.parametrize(("name", "outcome", "policy", "says"), DMARC_TRAPS)
def test_dmarc_trap(zones: Resolver, name: str, outcome: str, policy: str | None, says: str) -> None:
    report = dmarc_of(f"{name}.traps.example", zones)
    assert report.outcome == outcome
    assert says in " ".join(note.text for note in report.notes)
    assert report.policy == policy


SPF_TRAPS = [
    ("twice", "fail", None, None, None, "2 SPF records"),
    ("syntax", "fail", 0, 0, "fail", "1.2.3.4/99 is not a valid"),
    ("mechanism", "fail", 0, 0, "fail", "foo is not a valid SPF mechanism"),
    ("glued", "fail", 0, 0, "neutral", "Expected whitespace before 'all'"),
    ("anyone", "fail", 0, 0, "pass", "any server in the world"),
    ("neutral", "warn", 0, 0, "neutral", "without a decision"),
    ("noall", "warn", 0, 0, "neutral", "without a decision"),
    ("ptr", "warn", 1, 0, "fail", "uses ptr"),
    ("many", "fail", 11, 0, "fail", "needs 11 DNS lookups"),
    ("nested", "pass", 5, 0, "fail", ""),
    ("loop", "fail", 2, 0, "fail", "a circle"),
    ("self", "fail", 1, 0, None, "a circle"),
    ("missing", "fail", 1, 1, "fail", "nothing.traps.example has no SPF record"),
    ("empty", "fail", 1, 1, "fail", "norecord.traps.example has no SPF record"),
    ("void3", "fail", 3, 3, "fail", "3 lookups find nothing"),
    ("void2", "warn", 2, 2, "fail", "2 lookup(s) find nothing"),
    ("moved", "pass", 1, 0, "fail", ""),
    ("redirects", "fail", 1, 0, "fail", "more than one redirect"),
    ("macro", "pass", 2, 0, "fail", "include with a macro"),
    ("exp", "pass", 0, 0, "fail", ""),
    ("lookalike", "fail", None, None, None, "There is no SPF record"),
    ("absent", "fail", None, None, None, "There is no SPF record"),
]


@pytest.mark.parametrize("trap", SPF_TRAPS, ids=lambda trap: trap[0])
def test_spf_trap(zones: Resolver, trap: tuple[str, str, int | None, int | None, str | None, str]) -> None:
    name, *expected, says = trap
    report = spf_of(f"{name}.traps.example", zones)
    assert [report.outcome, report.lookups, report.void_lookups, report.all] == expected
    assert says in " ".join(note.text for note in report.notes)


DKIM_TRAPS = [
    ("revoked", "fail", None, "revoked"),
    ("testing", "warn", 2048, "testing DKIM"),
    ("small", "fail", 768, "not accepted any more"),
    ("k1024", "warn", 1024, "use 2048"),
    ("k2048", "pass", 2048, "still lists sha1"),
    ("k4096", "pass", 4096, ""),
    ("huge", "fail", 16384, "more than receivers evaluate"),
    ("broken", "fail", None, "no base64"),
    ("notakey", "fail", None, "no RSA public key"),
    ("sha1only", "fail", 2048, "receivers accept sha256 only"),
    ("tlsrpt", "fail", 2048, "not for email"),
    ("short", "fail", None, "has 32 bytes; this one has 3"),
    ("other", "fail", None, "key type dsa is unknown"),
    ("version", "fail", None, "v must be DKIM1"),
    ("nokey", "fail", None, "no p= tag"),
    ("two", "fail", None, "There are 2 records"),
    ("chain", "pass", 2048, "hop1.traps.example → hop2.traps.example"),
    ("absent", "fail", None, "There is no key at absent._domainkey.keys.traps.example"),
]


@pytest.mark.parametrize(("selector", "outcome", "bits", "says"), DKIM_TRAPS)
def test_dkim_trap(zones: Resolver, selector: str, outcome: str, bits: int | None, says: str) -> None:
    report = zones.run(lambda session: check_selector("keys.traps.example", selector, session))
    assert (report.outcome, report.key.bits if report.key else None) == (outcome, bits)
    assert says in " ".join(note.text for note in report.notes)


MX_TRAPS = [
    ("null", "warn", (), "takes no mail"),
    ("nomx", "warn", (), "its address takes the mail"),
    ("both", "warn", ("mail.traps.example",), "null MX beside others"),
    ("absent", "fail", (), "neither an MX record nor an address"),
]


@pytest.mark.parametrize(("name", "outcome", "hosts", "says"), MX_TRAPS)
def test_mx_trap(zones: Resolver, name: str, outcome: str, hosts: tuple[str, ...], says: str) -> None:
    report = zones.run(lambda session: check_mx(f"{name}.traps.example", session))
    assert (report.outcome, report.hosts) == (outcome, hosts)
    assert says in report.notes[0].text


def test_circle_of_aliases_is_unknown(zones: Resolver) -> None:
    answer = zones.run(lambda session: session.ask("round1.traps.example", "TXT"))
    assert answer.is_unknown
    assert "circle" in answer.why


@pytest.mark.parametrize(
    ("name", "found_at", "policy"),
    [
        ("ttu.edu", "ttu.edu", "reject"),
        ("news.ttu.edu", "ttu.edu", "quarantine"),
        ("nowhere.ttu.edu", "ttu.edu", "reject"),
        ("apart.ttu.edu", "apart.ttu.edu", "reject"),
    ],
)
def test_which_policy_applies(zones: Resolver, name: str, found_at: str, policy: str) -> None:
    report = dmarc_of(name, zones)
    assert (report.found_at, report.policy, report.subdomain_policy is not None) == (found_at, policy, True)


def test_methods_disagree_where_psd_is_n(zones: Resolver) -> None:
    report = dmarc_of("apart.ttu.edu", zones)
    assert (report.organizational_domain.rfc9989, report.organizational_domain.rfc7489) == (
        "apart.ttu.edu",
        "ttu.edu",
    )
    assert report.outcome == "warn"
    assert any("Receivers disagree" in note.text for note in report.notes)
