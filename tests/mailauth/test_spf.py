"""SPF beyond the zones: unknowns, simulation, agreement with checkdmarc, and zones made to hurt."""

from typing import Any

import dns.nameserver
import dns.resolver
import pytest
from checkdmarc import spf, utils

from portal.lib.outcome import Outcome
from portal.mailauth.resolver import Resolver
from portal.mailauth.spf import SpfReport, check_spf, check_unpublished_spf
from portal.mailauth.spf_simulation import (
    SpfSimulation,
    TermRefused,
    costs_lookup,
    insert_term,
    parse_spf_term,
    simulate_spf,
)
from tests.mailauth.conftest import resolver_for
from tests.support.clock import Stopwatch
from tests.support.dns_server import DnsServer


def spf_of(server: DnsServer, name: str, seconds: float = 3.0) -> SpfReport:
    return resolver_for(server.address, seconds).run(lambda session: check_spf(name, session))


def simulated(server: DnsServer, name: str, term: str) -> SpfSimulation:
    return resolver_for(server.address).run(lambda session: simulate_spf(name, parse_spf_term(term), session))


def texts(report: SpfReport) -> str:
    return " ".join(note.text for note in report.notes)


@pytest.mark.parametrize("knob", ["servfail", "refuse", "drop"])
@pytest.mark.parametrize("name", ["a.example", "b.example"])
def test_what_does_not_answer_is_unknown(server: DnsServer, knob: str, name: str) -> None:
    server.txt("a.example", "v=spf1 include:b.example -all")
    server.txt("b.example", "v=spf1 -all")
    getattr(server, knob)(name)
    report = spf_of(server, "a.example", 0.5)
    assert report.outcome is Outcome.UNKNOWN
    assert not report.has_permanent_error


def test_a_permanent_error_outweighs_a_temporary_one(server: DnsServer) -> None:
    server.txt("a.example", "v=spf1 include:b.example include:none.example -all")
    server.servfail("b.example")
    report = spf_of(server, "a.example")
    assert report.outcome is Outcome.FAIL
    assert report.has_permanent_error


def test_size_of_the_record(server: DnsServer) -> None:
    server.txt("a.example", "v=spf1 " + "ip4:192.0.2.1 " * 40 + "-all")
    assert "more than a DNS answer over UDP" in texts(spf_of(server, "a.example"))


def test_terms_after_all_are_not_counted(server: DnsServer) -> None:
    server.txt("a.example", "v=spf1 -all include:b.example redirect=c.example")
    assert spf_of(server, "a.example").lookups == 0


def test_the_explanation_is_never_looked_up(server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("checkdmarc asked the system's resolver")

    monkeypatch.setattr("checkdmarc.spf.get_txt_records", forbidden)
    server.txt("a.example", "v=spf1 exp=why.example -all exp=again.example")
    assert "Multiple exp" in texts(spf_of(server, "a.example"))
    server.txt("b.example", "v=spf1 EXP=why.example -all")
    assert spf_of(server, "b.example").outcome is Outcome.PASS


# ---------------------------------------------------------------- simulation
def test_simulation_counts_what_the_term_costs(server: DnsServer) -> None:
    server.txt("a.example", "v=spf1 include:b.example -all")
    server.txt("b.example", "v=spf1 a:b.example -all")
    server.add("b.example", "A", "192.0.2.1")
    server.txt("v.example", "v=spf1 include:w.example include:x.example ~all")
    server.txt("w.example", "v=spf1 -all")
    server.txt("x.example", "v=spf1 -all")
    result = simulated(server, "a.example", "v.example")
    assert result.changed == "v=spf1 include:b.example include:v.example -all"
    assert result.after is not None
    assert (result.before.lookups, result.after.lookups, result.added_lookups) == (2, 5, 3)


def test_simulation_that_breaks_the_record(server: DnsServer) -> None:
    server.txt("a.example", "v=spf1 " + " ".join(f"include:i{n}.example" for n in range(10)) + " -all")
    for number in range(11):
        server.txt(f"i{number}.example", "v=spf1 -all")
    result = simulated(server, "a.example", "include:i10.example")
    assert result.before.outcome is Outcome.PASS
    assert result.after is not None
    assert result.after.outcome is Outcome.FAIL
    assert result.after.lookups == 11


def test_simulation_without_a_record_and_with_the_term_there(server: DnsServer) -> None:
    server.txt("v.example", "v=spf1 -all")
    server.add("a.example", "A", "192.0.2.1")
    server.txt("b.example", "v=spf1 include:v.example -all")
    assert simulated(server, "a.example", "v.example").changed == "v=spf1 include:v.example ~all"
    there = simulated(server, "b.example", "include:V.example")
    assert there.already_there
    assert there.added_lookups == 0


def test_simulation_of_what_is_not_known(server: DnsServer) -> None:
    server.servfail("a.example")
    result = simulated(server, "a.example", "v.example")
    assert (result.changed, result.after, result.added_lookups) == (None, None, None)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-all",
        "redirect=x.example",
        "foo:bar",
        "include:",
        "ip4:1.2.3.4/99",
        "a b",
        "x" * 400,
        "exp=x.y",
        "1.2.3.4",
    ],
)
def test_terms_refused(typed: str) -> None:
    with pytest.raises(TermRefused):
        parse_spf_term(typed)


def test_terms() -> None:
    assert insert_term("v=spf1 mx", "a") == "v=spf1 mx a"
    assert insert_term("v=spf1 redirect=x.y", "a") == "v=spf1 a redirect=x.y"
    assert costs_lookup("include:x.y")
    assert not costs_lookup("ip4:192.0.2.1")


# ---------------------------------------------------------------- agreement
@pytest.mark.parametrize(
    "name",
    ["vendor.example", "nested.traps.example", "moved.traps.example", "ttu.edu", "void2.traps.example"],
)
def test_counts_agree_with_checkdmarc(zones_in_process: str, name: str) -> None:
    """The walk is ours; where checkdmarc can count as well, both must come to the same."""
    host, port = zones_in_process.split(":")
    peer = dns.resolver.Resolver(configure=False)
    peer.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]
    utils.DNS_CACHE.clear()
    theirs = spf.check_spf(name, resolver=peer)
    utils.DNS_CACHE.clear()
    ours = resolver_for(zones_in_process).run(lambda session: check_spf(name, session))
    assert theirs["valid"]
    assert (ours.lookups, ours.void_lookups) == (theirs["dns_lookups"], theirs["void_dns_lookups"])
    assert ours.all == theirs["parsed"]["all"]


# ---------------------------------------------------------------- zones made to hurt
def quickly(resolver: Resolver, name: str) -> SpfReport:
    watch = Stopwatch()
    report = resolver.run(lambda session: check_spf(name, session))
    assert watch.seconds < 3.0
    return report


def test_ten_thousand_void_includes(server: DnsServer) -> None:
    for number in range(4):  # a record of this size fits no answer; a chain of records that do
        server.txt(
            f"l{number}.example",
            "v=spf1 " + f"include:l{number + 1}.example " + "a:v.example " * 2500 + "-all",
        )
    report = quickly(resolver_for(server.address), "l0.example")
    assert report.outcome is Outcome.FAIL
    server.txt("m.example", "v=spf1 " + "a:v.e " * 4000 + "-all")
    report = quickly(resolver_for(server.address), "m.example")
    assert report.outcome is Outcome.FAIL
    assert report.lookups == 4000
    assert "at least 4000" in texts(report)
    assert len(server.asked) < 200


def test_ten_thousand_void_includes_not_yet_published(server: DnsServer) -> None:
    record = "v=spf1 " + " ".join(f"include:v{number}.example" for number in range(10_000)) + " -all"
    watch = Stopwatch()
    report = resolver_for(server.address).run(
        lambda session: check_unpublished_spf(record, "a.example", session)
    )
    assert watch.seconds < 3.0
    assert (report.outcome, report.lookups) == (Outcome.FAIL, 10_000)
    assert len(server.asked) < 100


def test_includes_that_multiply(server: DnsServer) -> None:
    for level in range(12):
        for branch in range(2):
            below = " ".join(f"include:b{child}.l{level + 1}.example" for child in range(2))
            server.txt(f"b{branch}.l{level}.example", f"v=spf1 {below} -all")
    report = quickly(resolver_for(server.address), "b0.l0.example")
    assert report.outcome is Outcome.FAIL
    assert len(server.asked) < 100


def test_sixty_kilobytes(server: DnsServer) -> None:
    server.txt("a.example", "v=spf1 " + "ip4:192.0.2.1 " * 4200 + "-all")
    report = quickly(resolver_for(server.address), "a.example")
    assert report.outcome is Outcome.UNKNOWN
    assert "larger than 32 kB" in texts(report)
    server.txt("b.example", "v=spf1 " + "ip4:192.0.2.1 " * 2000 + "-all")
    assert quickly(resolver_for(server.address), "b.example").outcome is Outcome.FAIL


def test_bytes_that_are_no_text(server: DnsServer) -> None:
    server.add("a.example", "TXT", '"v=spf1 include:\\255\\254.example -all"')
    report = spf_of(server, "a.example")
    assert report.outcome is Outcome.FAIL
    assert "no text" in texts(report)
