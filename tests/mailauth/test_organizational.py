"""The tree walk, the public suffix list, alignment by both, and the reach of a key."""

from dataclasses import dataclass

import pytest

from portal.mailauth.alignment import Mode, is_aligned
from portal.mailauth.discovery import Discovery, discover
from portal.mailauth.organizational import by_public_suffix, by_tree_walk, is_public_suffix, walk_targets
from portal.mailauth.reach import Mechanism, Reach, assess_reach
from portal.mailauth.resolver import Resolver
from tests.mailauth.conftest import resolver_for
from tests.support.dns_server import DnsServer


@dataclass(frozen=True)
class Step:
    domain: str
    has_record: bool = True
    psd: str = "u"


def test_targets_of_the_walk() -> None:
    # The example of RFC 9989 section 4.10: eight queries at most, the first seven labels skipped after the start.
    assert walk_targets("mail.ttu.edu") == ("mail.ttu.edu", "ttu.edu", "edu")
    long = walk_targets("a.b.c.d.e.f.g.h.i.j.mail.example.com")
    assert long[:3] == (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
    )
    assert len(long) == 8
    assert len(walk_targets("a.b.c.d.e.f.g.h")) == 8
    assert walk_targets("a.b.c.d.e.f.g.h")[1] == "b.c.d.e.f.g.h"


@pytest.mark.parametrize(
    ("domain", "steps", "owner"),
    [
        ("a.mail.example.com", [Step("a.mail.example.com"), Step("example.com")], "example.com"),
        ("a.mail.example.com", [Step("mail.example.com", psd="n")], "mail.example.com"),
        ("a.mail.example.com", [Step("a.mail.example.com"), Step("com", psd="y")], "example.com"),
        ("mail.example.com", [Step("mail.example.com", psd="y")], "mail.example.com"),
        ("giant.bank.example", [Step("giant.bank.example", has_record=False)], "giant.bank.example"),
        ("x.giant.bank.example", [Step("bank.example", psd="y")], "giant.bank.example"),
    ],
)
def test_owner_by_the_walk(domain: str, steps: list[Step], owner: str) -> None:
    assert by_tree_walk(domain, steps) == owner


@pytest.mark.parametrize(
    ("domain", "owner"),
    [
        ("a.b.ttu.edu", "ttu.edu"),
        ("mail.example.co.uk", "example.co.uk"),
        ("edu", "edu"),
        ("me.github.io", "me.github.io"),
    ],
)
def test_owner_by_the_suffix_list(domain: str, owner: str) -> None:
    assert by_public_suffix(domain) == owner


def test_public_suffixes() -> None:
    assert is_public_suffix("co.uk")
    assert not is_public_suffix("ttu.edu")


def test_alignment() -> None:
    same, unsure = ("ttu.edu", "ttu.edu"), ("ttu.edu", None)
    assert is_aligned("x.ttu.edu", "ttu.edu", Mode.RELAXED, same) is True
    assert is_aligned("x.ttu.edu", "ttu.edu", Mode.STRICT, same) is False
    assert is_aligned("ttu.edu", "ttu.edu", Mode.STRICT, unsure) is True
    assert is_aligned("x.ttu.edu", "ttu.edu", Mode.RELAXED, unsure) is None
    assert is_aligned("vendor.example", "ttu.edu", Mode.RELAXED, ("vendor.example", "ttu.edu")) is False


def found(resolver: Resolver, domain: str) -> Discovery:
    return resolver.run(lambda session: discover(domain, session))


def test_the_walk_asks_at_most_eight(server: DnsServer) -> None:
    found(resolver_for(server.address), "a.b.c.d.e.f.g.h.i.j.mail.example.com")
    asked = [name for name, _ in server.asked]
    assert len(asked) == len(set(asked)) == 8
    assert all(name.startswith("_dmarc.") for name in asked)


def test_the_walk_stops_at_psd(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.txt("_dmarc.edu", "v=DMARC1; p=none; psd=y")
    discovery = found(resolver_for(server.address), "x.ttu.edu")
    assert discovery.organizational_domain.rfc9989 == "ttu.edu"
    assert discovery.rfc9989.policy_for("x.ttu.edu") == "reject"


def test_the_record_of_a_public_suffix_applies(server: DnsServer) -> None:
    server.txt("_dmarc.bank", "v=DMARC1; p=quarantine; sp=reject; psd=y")
    discovery = found(resolver_for(server.address), "x.giant.bank")
    assert discovery.rfc9989.policy_for("x.giant.bank") == "reject"
    assert discovery.rfc7489.place is None


def test_several_records_end_it_for_older_receivers_alone(server: DnsServer) -> None:
    server.add("_dmarc.x.ttu.edu", "TXT", '"v=DMARC1; p=none"', '"v=DMARC1; p=reject"')
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    discovery = found(resolver_for(server.address), "x.ttu.edu")
    assert discovery.rfc9989.place is not None
    assert discovery.rfc9989.place.domain == "ttu.edu"
    assert discovery.rfc7489.place is None


def test_a_hole_in_the_walk_is_unknown(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.servfail("_dmarc.x.ttu.edu")
    discovery = found(resolver_for(server.address), "y.x.ttu.edu")
    assert "SERVFAIL" in discovery.rfc9989.unknown
    assert discovery.organizational_domain.rfc9989 is None
    assert discovery.rfc7489.policy_for("y.x.ttu.edu") == "reject"


def reach_of(server: DnsServer, name: str, mechanism: Mechanism = Mechanism.DKIM) -> Reach:
    resolver = resolver_for(server.address, 1.0)
    return resolver.run(lambda session: assess_reach(name, "ttu.edu", session, mechanism))


def test_reach_of_a_key_under_relaxed_alignment(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    reach = reach_of(server, "x.ttu.edu")
    assert reach.identities == ("@x.ttu.edu", "@ttu.edu", "@*.ttu.edu")
    assert [(one.record_name, one.change) for one in reach.remedies] == [
        ("_dmarc.ttu.edu", "adkim=s"),
        ("_dmarc.x.ttu.edu", "psd=n"),
    ]
    assert reach.sentence == "A DKIM key at x.ttu.edu passes as @x.ttu.edu, @ttu.edu, @*.ttu.edu."


def test_reach_under_strict_alignment(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject; adkim=s")
    reach = reach_of(server, "x.ttu.edu")
    assert not reach.is_wide
    assert reach.remedies == ()
    assert reach_of(server, "x.ttu.edu", Mechanism.SPF).is_wide


def test_psd_n_keeps_newer_receivers_apart(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.txt("_dmarc.x.ttu.edu", "v=DMARC1; p=reject; psd=n")
    reach = reach_of(server, "x.ttu.edu")
    assert (reach.as_mail_domain.rfc9989, reach.as_mail_domain.rfc7489) == (False, True)
    assert "for some receivers" in reach.sentence
    assert [one.change for one in reach.remedies] == ["adkim=s"]


def test_reach_at_the_mail_domain_itself(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    reach = reach_of(server, "ttu.edu", Mechanism.SPF)
    assert reach.identities == ("@ttu.edu", "@*.ttu.edu")
    assert [one.change for one in reach.remedies] == ["aspf=s", "a subdomain of its own, with psd=n"]


def test_a_foreign_domain_reaches_nothing(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    reach = reach_of(server, "vendor.example")
    assert reach.identities == ("@vendor.example",)
    assert not reach.is_wide


def test_unknown_reach_counts_as_wide(server: DnsServer) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.servfail("_dmarc.x.ttu.edu")
    reach = reach_of(server, "x.ttu.edu")
    assert reach.is_wide
    assert "did not answer" in reach.sentence
