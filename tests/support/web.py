"""The portal behind a real gunicorn with a few workers, and people who use it over HTTP."""

import http.client
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from portal.accounts.models import User
from tests.support.policy import database_url
from tests.support.ports import free_port

DEADLINE_SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]


class WebServer:
    """Gunicorn on a free port, on the database of the test, with its log in `folder`."""

    def __init__(self, folder: Path, *, workers: int = 2, **environment: str) -> None:
        self.port, self.workers, self._log = free_port(), workers, folder / "gunicorn.log"
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": database_url(),
            "VAR_DIR": str(settings.VAR_DIR),
            "MEDIA_DIR": str(folder / "media"),
            "ALLOWED_HOSTS": "127.0.0.1",
            "LOG_LEVEL": "WARNING",
            **environment,
        }

    def __enter__(self) -> "WebServer":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "portal.wsgi",
                    "--workers",
                    str(self.workers),
                    "--bind",
                    f"127.0.0.1:{self.port}",
                ],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                if Visitor(self.port).get("/healthz")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"Gunicorn did not start:\n{self._log.read_text()[-3000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Visitor:
    """Somebody at a browser; signed in as `user`, with a session in the database, where one is given."""

    def __init__(self, port: int, user: User | None = None) -> None:
        self._port, self._csrf = port, secrets.token_hex(16)
        self._cookie = f"csrftoken={self._csrf}"
        if user is not None:
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session["account_authentication_methods"] = [{"method": "mfa"}]
            session["account_authentication_methods_user"] = str(user.pk)
            session.save()
            self._cookie += f"; {settings.SESSION_COOKIE_NAME}={session.session_key}"

    def get(self, path: str) -> tuple[int, str, float]:
        """Status, text and seconds of a page."""
        return self._call("GET", path, None, {})

    def upload(self, path: str, name: str, raw: bytes, fields: Mapping[str, Any]) -> tuple[int, str, float]:
        """Send a form with one file under `name`; the same of the answer."""
        boundary = secrets.token_hex(16)
        values = {"csrfmiddlewaretoken": self._csrf, **fields}
        lines = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in values.items()
        ]
        head = (
            f'{"".join(lines)}--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="a.eml"\r\n'
            "Content-Type: message/rfc822\r\n\r\n"
        )
        body = head.encode() + raw + f"\r\n--{boundary}--\r\n".encode()
        return self._call("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, str, float]:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body, {"Cookie": self._cookie, **headers})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        return answer.status, text, time.perf_counter() - began
