"""A real policy service as a process of its own on the test's database, and a client that asks as Postfix does."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from tests.support.clock import Stopwatch
from tests.support.ports import free_port

DEADLINE_SECONDS = 60
T = TypeVar("T")
CAMPUS = 'campus_networks = ["127.0.0.0/8", "129.118.0.0/16"]\nclosed_networks = []\n'


def request(**attributes: str) -> bytes:
    """A request as Postfix 3.7 sends it at RCPT, with `attributes` in place of the usual ones."""
    usual = {
        "request": "smtpd_access_policy",
        "protocol_state": "RCPT",
        "protocol_name": "ESMTP",
        "client_address": "127.0.0.2",
        "client_name": "unknown",
        "client_port": "40000",
        "reverse_client_name": "unknown",
        "server_address": "127.0.0.1",
        "server_port": "25",
        "helo_name": "client.test",
        "sender": "noreply-lab@ttu.edu",
        "recipient": "dean@ttu.edu",
        "recipient_count": "0",
        "queue_id": "",
        "instance": "",
        "size": "0",
        "etrn_domain": "",
        "stress": "",
        "sasl_method": "",
        "sasl_username": "",
        "sasl_sender": "",
        "ccert_subject": "",
        "ccert_issuer": "",
        "ccert_fingerprint": "",
        "ccert_pubkey_fingerprint": "",
        "encryption_protocol": "",
        "encryption_cipher": "",
        "encryption_keysize": "0",
        "policy_context": "",
    }
    lines = (f"{name}={value}\n" for name, value in (usual | attributes).items())
    return ("".join(lines) + "\n").encode()


def run_apart(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, run in a thread: Playwright keeps a loop running in the suite's own."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, main).result()


class Asker:
    """One connection to a policy service."""

    def __init__(self, port: int, timeout: float = DEADLINE_SECONDS) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def __enter__(self) -> "Asker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def ask(self, **attributes: str) -> str | None:
        """The action that is answered; None where the connection is closed instead."""
        try:
            self.socket.sendall(request(**attributes))
        except OSError:
            return None
        return self.answer()

    def answer(self) -> str | None:
        """The next answer."""
        held = b""
        while not held.endswith(b"\n\n"):
            try:
                more = self.socket.recv(4096)
            except ConnectionError:
                return None
            if not more:
                return None
            held += more
        assert held.startswith(b"action=")
        assert held.count(b"\n") == 2
        return held[len(b"action=") : -2].decode("ascii")


def database_url() -> str:
    """The DATABASE_URL of the database that the tests write to."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return os.environ["DATABASE_URL"].replace("/postgres?", f"/{name}?", 1)


class PolicyService:
    """Start, ask, stop, kill. The campus of the service is loopback besides the usual one."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        """`arguments` go to the command, `environment` on top of the tests'."""
        self.port, self.milter_port = free_port(), free_port()
        self._arguments, self._folder = arguments, folder
        campus = folder / "institution.toml"
        campus.write_text(CAMPUS)
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": database_url(),
            "VAR_DIR": str(settings.VAR_DIR),
            "INSTITUTION_FILE": str(campus),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PolicyService":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it logged."""
        return (self._folder / "policy.log").read_text()

    def start(self) -> None:
        """Start, and wait until it answers."""
        places = ("--listen", f"127.0.0.1:{self.port}", "--milter", f"127.0.0.1:{self.milter_port}")
        command: Sequence[str] = ("manage.py", "policy_service", *places)
        with (self._folder / "policy.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, *self._arguments],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=settings.BASE_DIR,
            )
        self.until(lambda: self.ask(client_address="203.0.113.9") == "DUNNO", "The first answer")

    def ask(self, **attributes: str) -> str | None:
        """The answer on a connection of its own; None where there is none."""
        try:
            with Asker(self.port) as asker:
                return asker.ask(**attributes)
        except OSError:
            return None

    def until(self, holds: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS) -> float:
        """Wait until `holds()`; returns the seconds of a quiet machine, fails with the log where it takes too long."""
        started, watch = time.monotonic(), Stopwatch()
        while time.monotonic() - started < seconds:
            if holds():
                return watch.seconds
            time.sleep(0.02)
        raise AssertionError(f"{what} did not come within {seconds} s:\n{self.log[-3000:]}")

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=DEADLINE_SECONDS)

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=DEADLINE_SECONDS)
