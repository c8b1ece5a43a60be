"""Redis is killed and PostgreSQL goes away under a running service, and both come back."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.policy_service.models import DailyUse
from relay.models import RelayPermission
from tests.cast import Cast, approved
from tests.support.policy import Asker, PolicyService, database_url
from tests.support.ports import free_port
from tests.support.programs import redis_server

pytestmark = pytest.mark.django_db(transaction=True)
COPIER = "129.118.10.20"


class Redis:
    """A Redis that can be killed and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self.start()

    def start(self) -> None:
        command = [redis_server(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        log = (self._folder / "redis.log").open("wb")
        self.process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    yield server
    server.kill()


def test_without_redis_a_volume_is_unknown_and_what_has_none_flows(
    cast: Cast, tmp_path: Path, redis: Redis
) -> None:
    approved(cast)
    free = approved(cast, address="129.118.10.30", host="copier-8.ttu.edu")
    RelayPermission.objects.filter(grant=free).update(peak_per_hour=None, per_day=None)
    service = PolicyService(tmp_path, REDIS_URL=f"redis://127.0.0.1:{redis.port}/0")
    with service:
        service.until(lambda: "PREPEND" in (service.ask(client_address=COPIER) or ""), "The first pass")
        redis.kill()
        put_off = service.ask(client_address=COPIER, policy_context="relay") or ""
        assert put_off.startswith("DEFER 4.7.1 The volume of ")
        assert service.ask(client_address="129.118.10.30", policy_context="relay") == "OK"
        assert "REJECT" in (service.ask(client_address=COPIER, sender="") or "")
        redis.start()
        service.until(lambda: "PREPEND" in (service.ask(client_address=COPIER) or ""), "The next pass")
        assert service.stop() == 0
    assert "Traceback" not in service.log


def test_services_on_two_hosts_share_a_budget(cast: Cast, tmp_path: Path, redis: Redis) -> None:
    grant = approved(cast)  # 10 messages an hour
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    url = f"redis://127.0.0.1:{redis.port}/0"
    with PolicyService(folders[0], REDIS_URL=url) as one, PolicyService(folders[1], REDIS_URL=url) as two:
        both = [one, two]
        for service in both:
            service.until(lambda: one.ask(client_address=COPIER, sender="") is not None, "An answer")
        said = [both[n % 2].ask(client_address=COPIER, instance=f"m{n}") or "" for n in range(24)]
    assert sum(answer.startswith("PREPEND") for answer in said) == 10
    assert sum(f"{grant.reference} is over 10 messages an hour" in answer for answer in said) == 14


def _backends(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as admin:
        name = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        row = admin.execute(name + " AND query NOT LIKE 'nothing'").fetchone()
        return int(row[0]) if row else 0


def test_postgres_that_drops_its_connections_is_followed_again(
    cast: Cast, postgres: None, tmp_path: Path
) -> None:
    grant = approved(cast)
    with PolicyService(tmp_path) as service:
        service.until(lambda: "PREPEND" in (service.ask(client_address=COPIER) or ""), "The grant")
        connection.close()
        assert _backends(database_url()) >= 1
        managing.change_state(
            grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Sent spam."
        )
        revoked = lambda: "was revoked" in (service.ask(client_address=COPIER) or "")  # noqa: E731
        assert service.until(revoked, "The revocation") < 2.0


class Line:
    """The line between the service and PostgreSQL, which can go dead or be cut; the other tests keep theirs."""

    def __init__(self) -> None:
        info = make_conninfo(database_url())
        self._server = f"{conninfo_to_dict(info)['host']}/.s.PGSQL.5432"
        self._live, self._ends = threading.Event(), list[socket.socket]()
        self._live.set()
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def url(self) -> str:
        """The DATABASE_URL by way of this line."""
        facts = conninfo_to_dict(make_conninfo(database_url()))
        return f"postgresql://{facts['user']}:x@127.0.0.1:{self.port}/{facts['dbname']}"

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._server)
                self._ends += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._live.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # A close alone would leave the other thread's recv waiting.
            end.close()

    def go_dead(self) -> None:
        """Nothing passes, and nobody is told."""
        self._live.clear()

    def revive(self) -> None:
        """What waited passes."""
        self._live.set()

    def cut(self) -> None:
        """Every connection ends, and new ones are refused."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        """Connections are taken again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()


@pytest.mark.parametrize("outage", ["dead", "cut"])
def test_postgres_that_is_gone_closes_the_connections_and_loses_no_count(
    cast: Cast, postgres: None, tmp_path: Path, outage: str
) -> None:
    grant, line = approved(cast), Line()
    arguments = ("--max-age-seconds", "2", "--batch-seconds", "0.3")
    with PolicyService(tmp_path, *arguments, DATABASE_URL=line.url) as service:
        service.until(lambda: "PREPEND" in (service.ask(client_address=COPIER) or ""), "The grant")
        service.until(DailyUse.objects.exists, "The first batch")
        time.sleep(0.7)  # A batch whose COMMIT is cut off before its answer would be written twice.
        (line.go_dead if outage == "dead" else line.cut)()
        with Asker(service.port) as postfix:
            assert (postfix.ask(client_address=COPIER, instance="a") or "").startswith("PREPEND")
            time.sleep(3)
            assert postfix.ask(client_address=COPIER, instance="b") is None
        assert service.ask(client_address=COPIER) is None
        (line.revive if outage == "dead" else line.mend)()
        service.until(lambda: service.ask(client_address=COPIER, sender="") is not None, "Answers")
        managing.change_state(
            grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Sent spam."
        )
        revoked = lambda: "was revoked" in (service.ask(client_address=COPIER, sender="") or "")  # noqa: E731
        assert service.until(revoked, "The revocation") < 2.0
        assert service.stop() == 0
    line.cut()
    assert DailyUse.objects.get(grant=grant).accepted == 2
