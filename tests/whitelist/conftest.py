"""A real name server on loopback with a vendor in good order, and vendors that are not."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.dns_server import DnsServer


@pytest.fixture
def names(settings: Any) -> Iterator[DnsServer]:
    """The portal asks this server, with a deadline that a busy machine can keep."""
    with DnsServer() as server:
        server.txt("_dmarc.vendor.example", "v=DMARC1; p=reject")
        server.add("vendor.example", "MX", "10 mx.vendor.example.")
        server.add("mail.vendor.example", "MX", "10 mx.vendor.example.")
        server.txt("_dmarc.watching.example", "v=DMARC1; p=none")
        server.add("watching.example", "MX", "10 mx.watching.example.")
        server.add("bare.example", "MX", "10 mx.bare.example.")
        server.txt("_dmarc.twice.example", "v=DMARC1; p=reject")
        server.txt("_dmarc.twice.example", "v=DMARC1; p=none")
        server.txt("_dmarc.broken.example", "v=DMARC1; p=perhaps")
        server.servfail("_dmarc.silent.example")
        server.drop("_dmarc.slow.example")
        settings.DNS_RESOLVER = server.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        yield server
