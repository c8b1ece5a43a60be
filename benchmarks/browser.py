"""A browser that calls the WSGI application in this process: no socket, and no test client around the figures."""

import io
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from portal.accounts.models import User
from portal.wsgi import application


class WrongAnswer(Exception):
    """A page answered with another status than the benchmark is about."""


@dataclass(frozen=True)
class Sample:
    """One call: milliseconds from the call to the last byte, and the database queries meanwhile."""

    milliseconds: float
    queries: int
    size: int


class Browser:
    """One signed-in person. The session is in the database, as in production."""

    def __init__(self, user: User) -> None:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        # As after a sign-in with a second factor, which deciders need.
        session["account_authentication_methods"] = [{"method": "mfa"}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
        self._csrf = secrets.token_hex(16)
        self._cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; csrftoken={self._csrf}"

    def get(self, path: str, *, expect: int = 200) -> Sample:
        """Get a page; WrongAnswer where it does not answer `expect`."""
        return self._call("GET", path, b"", expect)

    def post(self, path: str, data: dict[str, Any], *, expect: int = 302) -> Sample:
        """Send a form; WrongAnswer where it does not answer `expect`."""
        body = urlencode({**data, "csrfmiddlewaretoken": self._csrf}, doseq=True).encode()
        return self._call("POST", path, body, expect)

    def _call(self, method: str, path: str, body: bytes, expect: int) -> Sample:
        environ = self._environ(method, path, body)
        status: list[str] = []

        def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            status.append(line)

        with _counted() as count:
            started = time.perf_counter()
            response = application(environ, start_response)
            content = b"".join(response)
            if hasattr(response, "close"):
                response.close()
            elapsed = time.perf_counter() - started
        if not status[0].startswith(str(expect)):
            raise WrongAnswer(f"{method} {path}: {status[0]}, expected {expect}\n{content.decode()[-2000:]}")
        return Sample(elapsed * 1000, count(), len(content))

    def _environ(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        path_info, _, query = path.partition("?")
        return {
            "REQUEST_METHOD": method,
            "PATH_INFO": path_info,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "HTTP_COOKIE": self._cookie,
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
        }


@contextmanager
def _counted() -> Iterator[Callable[[], int]]:
    """Counts statements by a wrapper of one addition, so that the timed calls are the counted ones."""
    number = 0

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal number
        number += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield lambda: number
