"""Name servers for this room's tests: one inside the process with knobs, and NSD with the zones of the repository."""

import socket
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import dns.message
import dns.query
import pytest

from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.resolver import Resolver, Session
from portal.mailauth.servers import parse_servers
from tests.conftest import program
from tests.support.dns_server import DnsServer

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
    folder = tmp_path_factory.mktemp("nsd")
    port = _free_port()
    (folder / "nsd.conf").write_text(_nsd_conf(folder, port))
    log = (folder / "nsd.log").open("wb")
    process = subprocess.Popen([nsd, "-d", "-c", str(folder / "nsd.conf")], stdout=log, stderr=log)
    try:
        _wait_until_it_answers(port, folder / "nsd.log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        log.close()


@pytest.fixture(params=["in_process", "nsd"])
def zones(request: pytest.FixtureRequest) -> Resolver:
    """A resolver for the repository's zones, once from either server."""
    address: str = request.getfixturevalue(
        f"zones_{request.param}" if request.param == "in_process" else "zones_on_nsd"
    )
    return resolver_for(address)


def resolver_for(address: str, seconds: float = 5.0) -> Resolver:
    return Resolver(parse_servers(address), deadline_seconds=seconds)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _nsd_conf(folder: Path, port: int) -> str:
    served = "\n".join(
        f'zone:\n  name: "{path.stem}"\n  zonefile: "{path}"' for path in sorted(ZONES.glob("*.zone"))
    )
    # Its rate limit would drop answers to a test that asks a lot from one address.
    return f"""
server:
  ip-address: 127.0.0.1
  port: {port}
  server-count: 1
  username: ""
  database: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
{served}
"""


def _wait_until_it_answers(port: int, log: Path) -> None:
    query = dns.message.make_query("ttu.edu", "SOA")
    for _ in range(100):
        try:
            dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2)
            return
        except (OSError, dns.exception.Timeout):
            time.sleep(0.1)
    pytest.fail(f"NSD did not answer within 10 seconds: {log.read_text()[-500:]}")
