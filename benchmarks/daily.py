"""The daily jobs in a process of their own: `python -m benchmarks.daily lapse_grants|send_reminders DAY`.

Prints what it did as JSON: grants touched, seconds, and the resident memory before and at its highest.
"""

import io
import json
import sys
import time
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from portal.grants.models import Grant  # noqa: E402


def memory(name: str) -> float:
    """VmRSS (now) or VmHWM (the highest so far) of this process, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def main(command: str, day: str) -> None:
    """Run the command as Celery beat's worker would, and say what it took."""
    Grant.objects.first()  # the connection, and what it loads, are there before any job
    before, started, said = memory("VmRSS"), time.perf_counter(), io.StringIO()
    call_command(command, today=day, stdout=said)
    seconds = time.perf_counter() - started
    touched = int(said.getvalue().split()[-1])
    json.dump(
        {"touched": touched, "seconds": seconds, "before": before, "highest": memory("VmHWM")}, sys.stdout
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
