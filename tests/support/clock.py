"""How long something took, as a machine with nothing else to do would show it."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil


class Stopwatch:
    """Starts when it is made. For bounds of what waits for clocks, sockets and other processes.

    A bound of what computes alone, in this process, is on `time.process_time`.
    """

    def __init__(self) -> None:
        self._began, self._waited = time.monotonic(), _waited()

    @property
    def seconds(self) -> float:
        """Seconds so far, less those that this process and what it started stood ready and got no processor.

        With 16 busy processes beside the suite, those are most of what a clock shows. Where the system does not
        count them (it is no Linux), all seconds.
        """
        waited = sum(after - self._waited.get(task, 0) for task, after in _waited().items())
        return time.monotonic() - self._began - waited / 1e9


def _waited() -> dict[str, int]:
    """Nanoseconds that each thread of this process and its descendants waited for a processor (proc_schedstat)."""
    found = {}
    for task in _tasks([os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))]):
        try:
            found[task.name] = int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError):
            continue  # It has ended meanwhile.
    return found


def _tasks(processes: Iterable[int]) -> Iterable[Path]:
    for process in processes:
        try:
            yield from Path(f"/proc/{process}/task").iterdir()
        except OSError:
            continue
