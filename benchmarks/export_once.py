"""One measurement of an export in a process of its own: `python -m benchmarks.export_once copy|render|release TARGET`.

Prints seconds, rows or sizes, and the resident memory above what the process had before, as JSON.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.daily import memory  # noqa: E402
from portal.enforcement import releasing  # noqa: E402
from portal.enforcement.targets import EXPORT_TARGETS, Target  # noqa: E402
from portal.grants import dating  # noqa: E402

_GRANTS = (
    "FROM grants_grant g JOIN accounts_user u ON u.id = g.owner_id {joins} "
    "WHERE g.kind = '{kind}' AND g.state = 'active' AND g.starts_on <= current_date AND g.ends_on >= current_date"
)
_WHITELIST = (
    "SELECT e.value, g.reference, u.email, g.ends_on "
    + _GRANTS.format(kind="whitelist", joins="JOIN whitelist_permittedentry e ON e.permission_id = g.id")
    + " ORDER BY e.kind, e.value"
)
_RELAY = (
    "SELECT g.reference, a.network, s.address, p.hostname, u.email, g.ends_on "
    + _GRANTS.format(
        kind="relay",
        joins="JOIN relay_relaypermission p ON p.grant_id = g.id "
        "JOIN relay_permittedaddress a ON a.permission_id = g.id "
        "JOIN relay_permittedsender s ON s.permission_id = g.id",
    )
    + " ORDER BY g.reference, a.network, s.address"
)
ROWS = {"rspamd": _WHITELIST, "spamassassin": _WHITELIST, "firewall": _RELAY}


def copy(target: str) -> dict[str, float]:
    """PostgreSQL writes what the target's files are made of, in their order."""
    started, rows = time.perf_counter(), 0
    with tempfile.TemporaryFile() as file, connection.cursor() as cursor:
        with cursor.copy(f"COPY ({ROWS[target]}) TO STDOUT") as data:
            for piece in data:
                file.write(piece)
        rows = cursor.rowcount
    return {"seconds": time.perf_counter() - started, "rows": rows}


def render(target: Target) -> dict[str, float]:
    """The portal writes the target's files."""
    started = time.perf_counter()
    export = target.render(day=timezone.localdate(), install_path="/etc/portal")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in export.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="\n")
    return {"seconds": time.perf_counter() - started, "rows": len(export.entries)}


def release(target: Target) -> dict[str, float]:
    """The whole release; `lint` is what the readers of the files took of it."""
    lint, spent = target.lint, 0.0

    def timed(folder: Path) -> None:
        nonlocal spent
        began = time.perf_counter()
        lint(folder)
        spent = time.perf_counter() - began

    target.lint = timed  # type: ignore[method-assign]
    started = time.perf_counter()
    row = releasing.release_target(target, today=dating.judged(timezone.localdate()), accept_change=True)
    if row is None:
        raise SystemExit("Nothing was released: this database has a release already.")
    return {"seconds": time.perf_counter() - started, "lint": spent, "archive": row.size / 1e6}


def main(what: str, name: str) -> None:
    """Measure, and say what it took."""
    connection.ensure_connection()
    target = next(known for known in EXPORT_TARGETS if known.key == name)
    before = memory("VmRSS")
    found = copy(name) if what == "copy" else {"render": render, "release": release}[what](target)
    json.dump({**found, "megabytes": memory("VmHWM") - before}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
