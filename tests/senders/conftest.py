"""A real name server on loopback with the zones of this folder, and the vendor's keys made for the run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mailauth.signing import rsa_key
from tests.support.dns_server import DnsServer

ZONES = Path(__file__).parent / "zones"


@pytest.fixture
def names(settings: Any) -> Iterator[DnsServer]:
    """The portal asks this server, with a deadline that a busy machine can keep."""
    with DnsServer() as server:
        for path in sorted(ZONES.glob("*.zone")):
            server.load(path, path.stem)
        server.txt("s1.dkim.crmvendor.example", rsa_key().record)
        server.txt("own._domainkey.crmvendor.example", rsa_key().record)
        server.txt("testing._domainkey.crm.ttu.edu", f"{rsa_key().record}; t=y")
        server.servfail("silent._domainkey.crm.ttu.edu")
        server.servfail("silent.crmvendor.example")
        settings.DNS_RESOLVER = server.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        yield server


@pytest.fixture
def published(names: DnsServer) -> DnsServer:
    """The same after the DNS team worked through the change set."""
    publish(names)
    return names


def publish(names: DnsServer) -> None:
    names.add("s1._domainkey.crm.ttu.edu", "CNAME", "s1.dkim.crmvendor.example.")
    names.txt("_dmarc.crm.ttu.edu", "v=DMARC1; p=reject; psd=n; adkim=s; rua=mailto:techmail@ttu.edu")
