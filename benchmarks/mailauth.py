"""How long reports on domains take against a name server that delays every answer by 50 ms.

    python benchmarks/mailauth.py [--domains 100] [--delay-ms 50]

Prints and holds two bars: one full report (DMARC, SPF with 8 includes, 3 selectors, MX) in at most 5 times
the delay, and all domains in at most 1/20 of the time that checkdmarc takes for their DMARC, SPF and MX one
after another, in the same run. Exit status 1 where a bar is missed.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dns.nameserver
import dns.resolver

from portal.lib.outcome import Outcome
from portal.mailauth.domain_report import DomainReport, check_domain, check_domains
from portal.mailauth.names import parse_domain
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.resolver import Resolver
from portal.mailauth.servers import parse_servers
from tests.support.dns_server import DnsServer

SELECTORS = ("s1", "s2", "s3")
INCLUDES = 8
MOST_DELAYS, LEAST_FACTOR = 5.0, 20.0
KEY = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91"
    "y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)


def publish(server: DnsServer, domain: str) -> None:
    """One sending domain as vendors have them: every include a record of its own, a key behind an alias."""
    server.txt(f"_dmarc.{domain}", f"v=DMARC1; p=reject; rua=mailto:dmarc@{domain}")
    includes = " ".join(f"include:i{number}.{domain}" for number in range(INCLUDES))
    server.txt(domain, f"v=spf1 {includes} -all")
    for number in range(INCLUDES):
        server.txt(f"i{number}.{domain}", f"v=spf1 ip4:192.0.2.{number} -all")
    for selector in SELECTORS[:2]:
        server.txt(f"{selector}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={KEY}")
    server.add(f"{SELECTORS[2]}._domainkey.{domain}", "CNAME", f"key.{domain}.")
    server.txt(f"key.{domain}", f"v=DKIM1; k=rsa; p={KEY}")
    server.add(domain, "MX", f"10 mx.{domain}.")
    server.add(f"mx.{domain}", "A", "192.0.2.25")


def serve(domains: list[str], delay: float, ready: Connection) -> None:
    """The name server, in a process of its own so that it takes no time from what is measured."""
    with DnsServer(delay=delay) as server:
        for domain in domains:
            publish(server, domain)
        ready.send(server.address)
        ready.recv()


def one_report(domain: str, resolver: Resolver, runs: int) -> float:
    """The median time of one full report, in seconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        report = check_domain(parse_domain(domain), selectors=SELECTORS, resolver=resolver)
        times.append(time.perf_counter() - started)
        must_be_complete(report)
    return statistics.median(times)


def all_reports(domains: list[str], resolver: Resolver) -> float:
    """The time of the reports on all domains with their selectors, in seconds."""
    started = time.perf_counter()
    reports = check_domains([(parse_domain(domain), SELECTORS) for domain in domains], resolver=resolver)
    taken = time.perf_counter() - started
    for report in reports:
        must_be_complete(report)
    return taken


def must_be_complete(report: DomainReport) -> None:
    """A quick answer that left something out would be worth nothing."""
    outcomes = [
        report.dmarc.outcome,
        report.spf.outcome,
        report.mx.outcome,
        *(one.outcome for one in report.dkim),
    ]
    complete = (
        report.dmarc.policy == "reject"
        and report.spf.lookups == INCLUDES
        and [one.key is not None and one.key.bits for one in report.dkim] == [1024] * len(SELECTORS)
        and bool(report.mx.hosts)
        and Outcome.UNKNOWN not in outcomes
    )
    if not complete:
        sys.exit(f"The report on {report.domain} is not complete: the figures would mean nothing.")


def checkdmarc_one_after_another(domains: list[str], address: str) -> float:
    """The time that checkdmarc takes for DMARC, SPF and MX of the domains (it has no DKIM), in seconds."""
    from checkdmarc import dmarc, spf, utils  # noqa: PLC0415 - settings and path are set up first

    host, port = address.split(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]
    started = time.perf_counter()
    for domain in domains:
        utils.DNS_CACHE.clear()
        if (
            not dmarc.check_dmarc(domain, resolver=resolver)["valid"]
            or not spf.check_spf(domain, resolver=resolver)["valid"]
        ):
            sys.exit(f"checkdmarc finds {domain} not valid: the comparison would mean nothing.")
        utils.get_mx_records(domain, resolver=resolver)
    return time.perf_counter() - started


def main() -> int:
    """Measure, print, hold the bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--domains", type=int, default=100)
    parser.add_argument("--delay-ms", type=float, default=50.0)
    options = parser.parse_args()
    delay = options.delay_ms / 1000
    domains = [f"sender{number}.example" for number in range(options.domains)]
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(domains, delay, theirs), daemon=True
    )
    server.start()
    address = ours.recv()
    resolver = Resolver(parse_servers(address), deadline_seconds=10.0)
    load_parsers()
    one_report(domains[0], resolver, runs=2)
    single = one_report(domains[0], resolver, runs=11)
    together = all_reports(domains, resolver)
    peer = checkdmarc_one_after_another(domains, address)
    ours.send("done")
    server.join(timeout=10)
    print(f"delay of every answer            {delay * 1000:8.0f} ms")
    print(
        f"one full report, median of 11    {single * 1000:8.0f} ms = {single / delay:.1f} delays (bar {MOST_DELAYS:.0f})"
    )
    print(f"{len(domains)} full reports                 {together:8.2f} s")
    print(
        f"checkdmarc, one after another    {peer:8.2f} s = {peer / together:.0f} times ours (bar {LEAST_FACTOR:.0f})"
    )
    held = single <= MOST_DELAYS * delay and peer >= LEAST_FACTOR * together
    print("both bars held" if held else "A BAR WAS MISSED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
