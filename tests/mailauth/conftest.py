"""Name servers for these tests: one inside the process with knobs, and NSD with the zones of the repository."""

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.resolver import Resolver, Session
from portal.mailauth.servers import parse_servers
from tests.conftest import program
from tests.support.dns_server import DnsServer
from tests.support.nsd import Nsd

T = TypeVar("T")
ZONES = Path(__file__).parent / "zones"
Ask = Callable[[Callable[[Session], Coroutine[Any, Any, T]]], T]


@pytest.fixture(scope="session", autouse=True)
def _parsers() -> None:
    load_parsers()


@pytest.fixture
def server() -> Iterator[DnsServer]:
    """An empty server with knobs."""
    with DnsServer() as running:
        yield running


@pytest.fixture(scope="session")
def zones_in_process() -> Iterator[str]:
    """The repository's zones from the server inside the process: its address."""
    with DnsServer() as running:
        for path in sorted(ZONES.glob("*.zone")):
            running.load(path, path.stem)
        yield running.address


@pytest.fixture(scope="session")
def zones_on_nsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The repository's zones from NSD, a real authoritative server: its address."""
    nsd = program("nsd", "apt-get install nsd")
    with Nsd(nsd, tmp_path_factory.mktemp("nsd"), sorted(ZONES.glob("*.zone"))) as running:
        yield running.address


@pytest.fixture(params=["in_process", "nsd"])
def zones(request: pytest.FixtureRequest) -> Resolver:
    """A resolver for the repository's zones, once from either server."""
    address: str = request.getfixturevalue(
        f"zones_{request.param}" if request.param == "in_process" else "zones_on_nsd"
    )
    return resolver_for(address)


def resolver_for(address: str, seconds: float = 5.0) -> Resolver:
    return Resolver(parse_servers(address), deadline_seconds=seconds)
