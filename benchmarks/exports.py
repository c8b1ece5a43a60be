"""What an export of 100,000 grants costs, beside a bare COPY of the same rows.

    python benchmarks/exports.py [--grants 100000] [--rounds 5]

For each target whose files are one list (rspamd, SpamAssassin, firewall), processes of their own take turns: one
renders the target as the portal does and writes its files, one lets PostgreSQL write the same columns in the same
order with COPY. Then the whole release, as a worker makes it: rendered, compared, linted, signed, packed and kept.
Postfix's maps are one table a grant and are measured without a bar. Exits with 1 where a bar is missed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bars import JOB_MEGABYTES, Bar  # noqa: E402
from benchmarks.run import call, database, environment, machine  # noqa: E402

LISTS = ("rspamd", "spamassassin", "firewall")
COPY_TIMES = 3.0
TABLES_FOR = 2_000
"""Grants whose Postfix tables are made: one restriction class and one table each is no format for more."""

Figures = dict[str, float]


def once(env: dict[str, str], *words: str) -> Figures:
    """One measurement in a process of its own."""
    found: Figures = json.loads(call(["-m", "benchmarks.export_once", *words], env))
    return found


def load(env: dict[str, str], grants: int) -> dict[str, str]:
    """A database with `grants` relay grants and as many whitelist grants; returns its environment."""
    there, started = database(env, f"exports_{grants}"), time.monotonic()
    call(["manage.py", "migrate", "--verbosity", "0"], there)
    call(["-m", "benchmarks.export_world", str(grants)], there)
    print(
        f"loaded {grants:,} relay and {grants:,} whitelist grants in {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return there


def beside_copy(env: dict[str, str], rounds: int) -> list[Bar]:
    """Each list beside COPY, by turns."""
    bars = []
    print("| target | rows | COPY s | export s | times | MB above start |\n|---|---:|---:|---:|---:|---:|")
    for target in LISTS:
        pairs = [(once(env, "copy", target), once(env, "render", target)) for _ in range(rounds)]
        times = median(export["seconds"] / copy["seconds"] for copy, export in pairs)
        memory = max(export["megabytes"] for _, export in pairs)
        copied, exported = (median(side["seconds"] for side in sides) for sides in zip(*pairs, strict=True))
        print(
            f"| {target} | {pairs[0][1]['rows']:,.0f} | {copied:.2f} | {exported:.2f} | {times:.1f} | {memory:.0f} |",
            flush=True,
        )
        bars.append(Bar(f"{target}, beside COPY", times, COPY_TIMES, " times"))
        bars.append(Bar(f"{target}, memory above its start", memory, JOB_MEGABYTES, " MB"))
    return bars


def whole(env: dict[str, str], targets: tuple[str, ...], grants: int) -> list[Bar]:
    """The release of each target, from the database to the archive that hosts pull."""
    bars = []
    for target in targets:
        found: dict[str, Any] = once(env, "release", target)
        print(
            f"release of {target}, {grants:,} grants: {found['seconds']:.1f} s (of it the mail system's own reader "
            f"and our lint {found['lint']:.1f} s), archive {found['archive']:.1f} MB, {found['megabytes']:.0f} MB above start",
            flush=True,
        )
        bars.append(
            Bar(f"release of {target}, memory above its start", found["megabytes"], JOB_MEGABYTES, " MB")
        )
    return bars


def main() -> int:
    """Load, measure, print; 0 where every bar is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grants", type=int, default=100_000, help="grants of each of the two kinds")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="techmail-bench-exports-") as name:
        env = environment(Path(name)) | {"PUBLISH_DIR": ""}
        env["EXPORT_SIGNING_KEY"] = call(["manage.py", "export_key", "--new"], env).strip()
        large = load(env, wanted.grants)
        met = beside_copy(large, wanted.rounds)
        met += whole(large, LISTS, wanted.grants)
        few = load(env, min(TABLES_FOR, wanted.grants))
        met += whole(few, ("postfix",), min(TABLES_FOR, wanted.grants))
    print("\n".join(str(bar) for bar in met), flush=True)
    return 0 if all(bar.is_met for bar in met) else 1


if __name__ == "__main__":
    sys.exit(main())
