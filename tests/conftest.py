"""What every test may use: a sealed network, the cast, and real servers that the suite starts and stops."""

import ipaddress
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.cast import Cast, client_of, make_cast

CI = os.environ.get("CI", "").lower() == "true"
_connect = socket.socket.connect


def pytest_configure(config: pytest.Config) -> None:
    """Seal the network: a test that reaches beyond this machine fails."""

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not ipaddress.ip_address(_numeric(address[0])).is_loopback:
            raise AssertionError(f"This test reached for {address}: only loopback is open to the suite.")
        _connect(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser, and what asks no database: both run in one pass, the other tells nothing new."""
    asks = {"db", "transactional_db", "live_server"}
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if not names & asks and item.get_closest_marker("django_db") is None:
            item.add_marker(pytest.mark.once)
        if "browser" in names:
            item.add_marker(pytest.mark.browser)


def _numeric(host: str) -> str:
    return "127.0.0.1" if host in ("localhost", "") else host.partition("%")[0]


def program(name: str, install: str) -> str:
    """The path of a system program. Where it is missing the test is skipped aloud; under CI=true it fails."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
    found = shutil.which(name, path=path)
    if found:
        return found
    message = f"{name} is not installed. Install it: {install}"
    if CI:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def cast(db: None) -> Cast:
    """The named people, with their roles, and the directory's addresses."""
    return make_cast()


@pytest.fixture
def postgres(db: None) -> None:
    """For tests that mean PostgreSQL: they run in the second pass."""
    if connection.vendor != "postgresql":
        pytest.skip("runs in the PostgreSQL pass (-p tests.support.servers)")


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
    from playwright.sync_api import sync_playwright

    from tests.support.browser import ARGUMENTS

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()
