"""NSD and the server inside the process lead to the same report about every name of the repository's zones."""

import dns.name
import dns.zone
import pytest

from portal.mailauth.as_json import domain_as_json
from portal.mailauth.domain_report import check_domain
from portal.mailauth.names import DomainRefused, parse_domain
from tests.mailauth.conftest import ZONES, resolver_for


def names_in(zone: str) -> list[str]:
    """The names of a zone that can be a mail domain, and those that have a DMARC record or a key below them."""
    parsed = dns.zone.from_file(str(ZONES / f"{zone}.zone"), origin=zone, relativize=False)
    found = set()
    for owner in parsed.nodes:
        text = owner.to_text(omit_final_dot=True).removeprefix("_dmarc.").rpartition("_domainkey.")[2]
        try:
            found.add(str(parse_domain(text)))
        except DomainRefused:
            continue
    return sorted(found)


def selectors_in(zone: str, domain: str) -> list[str]:
    parsed = dns.zone.from_file(str(ZONES / f"{zone}.zone"), origin=zone, relativize=False)
    below = dns.name.from_text(f"_domainkey.{domain}")
    return sorted(owner.labels[0].decode() for owner in parsed.nodes if owner.parent() == below)


@pytest.mark.parametrize("zone", ["traps.example", "vendor.example", "ttu.edu", "reports.example"])
def test_both_servers_lead_to_the_same_report(zone: str, zones_in_process: str, zones_on_nsd: str) -> None:
    names = names_in(zone)
    assert names
    different = {}
    for name in names:
        reports = [
            domain_as_json(
                check_domain(
                    parse_domain(name), selectors=selectors_in(zone, name), resolver=resolver_for(address)
                )
            )
            for address in (zones_in_process, zones_on_nsd)
        ]
        if reports[0] != reports[1]:
            different[name] = reports
    assert different == {}
