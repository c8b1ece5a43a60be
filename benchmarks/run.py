"""`make bench`: loads two worlds into a PostgreSQL of its own, measures the screens and the daily jobs.

Each world has a database; the measuring processes alternate between them, so that a slow minute of the
machine strikes both. Exits with 1 where a bar is missed.
"""

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SMALL, LARGE = 10_000, 100_000
ROUNDS = 3
DUE = 5_000
"""A year's worst weeks: 100,000 grants that end evenly bring 274 lapses and 1,600 reminders a day."""


def environment(folder: Path) -> dict[str, str]:
    """Start the servers; returns production's settings for the processes that measure."""
    from tests.support.programs import start_postgres, start_redis  # noqa: PLC0415 - settings and path are set up first

    folder.chmod(0o755)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "DATABASE_URL": start_postgres(folder),
        "REDIS_URL": start_redis(folder),
        "SECRET_KEY": secrets.token_urlsafe(60),
        "DEBUG": "false",
        "PUBLIC_URL": "http://localhost",
        "ALLOWED_HOSTS": "localhost",
        "MAIL_FROM": "TechMail Portal <no-reply@ttu.edu>",
        "VAR_DIR": str(folder / "var"),
        "STATIC_DIR": str(folder / "static"),
        "PUBLISH_DIR": str(folder / "publish"),
        "INSTITUTION_FILE": "",
    }


def call(words: list[str], env: dict[str, str]) -> str:
    """Run Python with `words`; returns what it printed, ends the benchmark where it fails."""
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=env, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed with {done.returncode}.\n{done.stdout[-3000:]}")
    return done.stdout


def database(env: dict[str, str], name: str) -> dict[str, str]:
    """Create a database on the server of `env`; returns the environment that names it."""
    import psycopg  # noqa: PLC0415 - settings and path are set up first

    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    # A socket's URL has its folder in the query, so only the path's name changes.
    head, question, query = env["DATABASE_URL"].partition("?")
    return {**env, "DATABASE_URL": f"{head.rpartition('/')[0]}/{name}{question}{query}"}


def world(env: dict[str, str], requests: int) -> dict[str, str]:
    """Migrate and load a database with `requests` requests; returns its environment."""
    started = time.monotonic()
    there = database(env, f"world_{requests}")
    call(["manage.py", "migrate", "--verbosity", "0"], there)
    call(["-m", "benchmarks.world", str(requests)], there)
    print(f"loaded {requests:,} requests in {time.monotonic() - started:.0f} s", flush=True)
    return there


def measure(worlds: dict[int, dict[str, str]], runs: int) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """The samples of every screen in every world; the processes take turns."""
    taken: dict[int, dict[str, list[dict[str, Any]]]] = {size: {} for size in worlds}
    for _ in range(ROUNDS):
        for size, env in worlds.items():
            part = json.loads(call(["-m", "benchmarks.screens", str(runs // ROUNDS)], env))
            for name, samples in part.items():
                taken[size].setdefault(name, []).extend(samples)
    return taken


def machine() -> str:
    """The machine in one line, for the record."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}, {platform.system()}"


def main() -> int:
    """Load, measure, print; 0 where every bar is met."""
    from benchmarks import bars  # noqa: PLC0415 - settings and path are set up first

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=90, help="calls of each screen in each world")
    parser.add_argument("--small", type=int, default=SMALL, help="requests of the small world")
    parser.add_argument("--due", type=int, default=DUE, help="grants that the daily jobs act on")
    parser.add_argument("--large", type=int, default=LARGE, help="requests, and grants, of the large world")
    wanted = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="techmail-bench-") as name:
        env = environment(Path(name))
        call(["manage.py", "collectstatic", "--noinput", "--verbosity", "0"], env)
        worlds = {size: world(env, size) for size in (wanted.small, wanted.large)}
        taken = measure(worlds, wanted.runs)
        print(bars.table(taken), flush=True)
        met = bars.screens(taken, small=wanted.small, large=wanted.large)
        jobs = daily(worlds[wanted.large], wanted.large, wanted.due)
        met += bars.jobs(jobs)
    print("\n".join(str(bar) for bar in met), flush=True)
    return 0 if all(bar.is_met for bar in met) else 1


def daily(env: dict[str, str], grants: int, due: int) -> dict[str, dict[str, float]]:
    """Run both jobs over `grants` grants of which `due` have to be acted on."""
    results = {}
    for command in ("send_reminders", "lapse_grants"):
        day = call(["-m", "benchmarks.due", command, str(grants), str(due)], env).strip()
        results[command] = json.loads(call(["-m", "benchmarks.daily", command, day], env))
        found = results[command]
        print(
            f"{command}: acted on {found['touched']:,} of {grants:,} grants in {found['seconds']:.0f} s, memory "
            f"{found['before']:.0f} MB before, {found['highest']:.0f} MB at most",
            flush=True,
        )
    return results


if __name__ == "__main__":
    sys.exit(main())
