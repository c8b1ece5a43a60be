"""A pytest plugin that starts a real PostgreSQL and a real Redis for the whole run: `-p tests.support.servers`.

Both come from wheels, listen on a Unix socket or a free loopback port, and stop with the run. The plugin is
loaded before Django's settings are, so that DATABASE_URL and REDIS_URL reach them. No test imports it: it
would start the servers in the SQLite pass and send that pass's worker processes to Redis.

Each process of pytest-xdist has a Redis database of its own. On a shared one, a test that clears its cache
(FLUSHDB) empties the other's queue, and one process's Celery worker takes the other's tasks.
"""

import os
import tempfile
from pathlib import Path

from django.conf import settings

from tests.support.programs import start_postgres, start_redis

if "TECHMAIL_SERVERS" not in os.environ:
    if settings.configured:
        raise RuntimeError("Load tests.support.servers with -p; import helpers from tests.support.programs.")
    _folder = Path(tempfile.mkdtemp(prefix="techmail-servers-"))
    _folder.chmod(0o755)
    os.environ["TECHMAIL_SERVERS"] = str(_folder)
    os.environ["DATABASE_URL"] = start_postgres(_folder, keeps=False)
    os.environ["REDIS_URL"] = start_redis(_folder)

# gw0, gw1, ... take databases 1, 2, ...: the main process set REDIS_URL, and they inherited it.
if _process := os.environ.get("PYTEST_XDIST_WORKER", ""):
    _server = os.environ["REDIS_URL"].rpartition("/")[0]
    os.environ["REDIS_URL"] = f"{_server}/{int(_process.removeprefix('gw')) + 1}"
