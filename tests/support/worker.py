"""A real Celery worker as a process of its own on the test's database, and on the broker of the pass."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings

from tests.support.policy import database_url

DEADLINE_SECONDS = 120


class Worker:
    """Start, stop, kill. It publishes to `published`; its log and what it publishes are in `folder`."""

    def __init__(self, folder: Path, smtp_port: int | None = None, **environment: str) -> None:
        """It sends mail to `smtp_port`, where given; `environment` goes on top of the tests'."""
        self.published, self._log = folder / "published", folder / "worker.log"
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": database_url(),
            "VAR_DIR": str(settings.VAR_DIR),
            "PUBLISH_DIR": str(self.published),
            **environment,
        }
        if smtp_port is not None:
            self._environment |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp_port)}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Worker":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()  # It finishes its task first, and a test may leave it a long one.

    def start(self) -> None:
        """Start; tasks that wait on the broker are done once it is up."""
        command = [sys.executable, "-m", "celery", "-A", "portal.celery", "worker", "--pool", "solo"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--loglevel", "INFO", "--without-mingle", "--without-gossip"],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=settings.BASE_DIR,
            )

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=60)
        self.process = None

    def until(self, holds: Callable[[], Any], what: str, pause: float = 0.2) -> None:
        """Wait until `holds()`; fails with the log where it takes too long."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if holds():
                return
            time.sleep(pause)
        raise AssertionError(
            f"{what} did not happen within {DEADLINE_SECONDS} s:\n{self._log.read_text()[-3000:]}"
        )
