"""What every test may use: a sealed network, the cast, and real servers that the suite starts and stops."""

import ipaddress
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.cast import Cast, client_of, make_cast, send_everybody_away
from tests.passes import ON_SQLITE
from tests.support import database

CI = os.environ.get("CI", "").lower() == "true"
ROOT = Path(__file__).resolve().parent.parent
_connect = socket.socket.connect


def pytest_configure(config: pytest.Config) -> None:
    """Seal the network: a test that reaches beyond this machine fails."""

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not ipaddress.ip_address(_numeric(address[0])).is_loopback:
            raise AssertionError(f"This test reached for {address}: only loopback is open to the suite.")
        _connect(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what drives a browser, and what runs on SQLite as well (`tests.passes`). What takes long comes first.

    A file runs in one process: a long one that began last would keep the others waiting at the end.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "browser" in names:
            item.add_marker(pytest.mark.browser)
        if "postgres" not in names and item.path.relative_to(ROOT).as_posix() in ON_SQLITE:
            item.add_marker(pytest.mark.sqlite)
    yield  # `-m` takes its pick, and pytest-django puts the tests that commit last.
    weights = Counter[Path]()
    for item in items:
        weights[item.path] += _weight(item)
    items.sort(key=lambda item: -weights[item.path])


def _weight(item: pytest.Item) -> int:
    """About how long a test takes, beside others: a story, a page in a browser, a server of its own, or none of it."""
    names = getattr(item, "fixturenames", ())
    if "browser" in names:
        return 300 if item.path.parent.name == "browser" else 60
    module = vars(getattr(item, "module", None) or type)
    return 30 if {"PolicyService", "PostfixServer", "WebServer", "Worker"} & set(module) else 1


def _numeric(host: str) -> str:
    return "127.0.0.1" if host in ("localhost", "") else host.partition("%")[0]


def program(name: str, install: str) -> str:
    """The path of a system program. Where it is missing, see `lacking`."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
    found = shutil.which(name, path=path)
    return found or lacking(f"{name} is not installed. Install it: {install}")


def lacking(message: str) -> NoReturn:
    """The machine lacks what the test is about. It is skipped aloud; under CI=true it fails."""
    if CI:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """In place of pytest-django's: one database for the run, copied for each process (`tests.support.database`)."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    shared = tmp_path_factory.getbasetemp()
    with django_db_blocker.unblock():
        database.prepare(shared.parent if process else shared, process)
    yield
    with django_db_blocker.unblock():
        database.remove()


@pytest.fixture
def cast(db: None) -> Cast:
    """The named people, with their roles, and the directory's addresses."""
    return make_cast()


@pytest.fixture
def nobody(db: None) -> None:
    """No people and no addresses; they are back after the test."""
    send_everybody_away()


@pytest.fixture
def postgres(db: None) -> None:
    """For tests of what PostgreSQL alone does. `make test` runs them on it; elsewhere they are skipped aloud."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL (-p tests.support.servers)")


@pytest.fixture
def requester_client(cast: Cast) -> Client:
    return client_of(cast.requester)


@pytest.fixture
def reviewer_client(cast: Cast) -> Client:
    return client_of(cast.reviewer)


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def _cache() -> None:
    """What is counted in the cache (tries, checks) begins anew: keys of rows come again after a rollback."""
    cache.clear()


@pytest.fixture(scope="session")
def browser() -> Any:
    """The system's Chromium, once for the run."""
    chromium = program("chromium", "apt-get install chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where a browser is wanted

    from tests.support.browser import ARGUMENTS  # noqa: PLC0415 - only where a browser is wanted

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()
