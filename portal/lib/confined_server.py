"""The fork server behind `portal.lib.confined`: one thread, no secrets, a process for each job.

It is started as `python -m portal.lib.confined_server FD` with the control socket at FD, and ends when that is closed,
with all that it started. On the control socket comes one octet for each job, with two descriptors: the job's own
socket, and a pipe for the status with which its process ended.
"""

import contextlib
import gc
import importlib
import math
import os
import pickle
import resource
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final, NoReturn

from portal.lib import confined
from portal.lib.problems import Problem

NICENESS: Final = 5
"""The niceness of jobs, so that web processes come first."""
MOST_FILES: Final = 64
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class _Children:
    """The processes of jobs that run."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[int, float]] = {}
        """By process id: the pipe for its status, and when it is killed."""

    def add(self, pid: int, status: int, seconds: float) -> None:
        """Watch a process that ends itself after `seconds` of processor time, or soon after on the clock."""
        end = time.monotonic() + seconds * confined.CLOCK_TIMES + confined.GRACE_SECONDS
        self._running[pid] = (status, end)

    def pipes(self) -> list[int]:
        """The pipes for their statuses."""
        return [status for status, _ in self._running.values()]

    def wait_seconds(self) -> float | None:
        """Until the next one is due to be killed."""
        ends = [end for _, end in self._running.values()]
        return max(min(ends) - time.monotonic(), 0.0) if ends else None

    def see_to(self) -> None:
        """Kill what is late; say of each that ended how it ended."""
        for pid, (status, end) in list(self._running.items()):
            if end <= time.monotonic():
                os.kill(pid, signal.SIGKILL)
            done, code = os.waitpid(pid, os.WNOHANG)
            if done:
                del self._running[pid]
                with contextlib.suppress(OSError):
                    os.write(status, b"%d" % code)
                os.close(status)

    def end(self) -> None:
        """Kill all."""
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        for pid in self._running:
            os.waitpid(pid, 0)


def serve(control: socket.socket) -> None:
    """Take jobs until the control socket is closed."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children = _Children()
    try:
        while True:
            ready, _, _ = select.select([control.fileno(), woken], [], [], children.wait_seconds())
            if woken in ready:
                os.read(woken, 4096)
            children.see_to()
            if control.fileno() in ready and not _take(control, children, (woken, wake)):
                return
    finally:
        children.end()


def _take(control: socket.socket, children: _Children, ours: tuple[int, int]) -> bool:
    """Start the next job; False where there will be none."""
    try:
        word, descriptors, _, _ = socket.recv_fds(control, 1, 2)
    except ConnectionError:
        return False
    if not word:
        return False
    number, status = descriptors
    with socket.socket(fileno=number) as job:
        try:
            seconds, memory, length = confined.HEAD.unpack(_exactly(job, confined.HEAD.size))
            module = _exactly(job, length).decode()
        except (EOFError, ConnectionError):
            os.close(status)  # The caller gave up.
            return True
        _import(module)
        pid = os.fork()
        if pid == 0:
            control.close()
            for end in (*ours, status, *children.pipes()):
                os.close(end)
            _be_a_job(job, module, seconds, memory)
        children.add(pid, status, seconds)
    return True


def _import(module: str) -> None:
    """Import here, so that every job finds it; where that fails, the job fails at it again and says so."""
    if module not in sys.modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
        gc.collect()
        gc.freeze()  # What is loaded now stays; a job's collector need not copy its pages by looking at them.


def _be_a_job(job: socket.socket, module: str, seconds: float, memory: int) -> NoReturn:
    """Run the job in this process and end it."""
    code = 1
    try:
        _confine(seconds, memory)
        job.sendall(b"b")
        (length,) = confined.LENGTH.unpack(_exactly(job, confined.LENGTH.size))
        name, arguments = pickle.loads(_exactly(job, length))  # noqa: S301 - from the process that started us
        answer = _answer(module, name, arguments)
        job.sendall(confined.LENGTH.pack(len(answer)) + answer)
        code = 0
    except MemoryError:
        code = confined.OUT_OF_MEMORY
    except (EOFError, ConnectionError):
        pass  # The caller gave up.
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def _confine(seconds: float, memory: int) -> None:
    """Limit this process: time on the clock and of the processor, memory, files, processes, no core dump."""
    confined.mark_inside()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * confined.CLOCK_TIMES)
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    whole = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.is_file():  # Linux; other systems do not count address space in a way that a limit could use.
        limit = int(statm.read_text().split()[0]) * _PAGE + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _answer(module: str, name: str, arguments: tuple[Any, ...]) -> bytes:
    """The pickled answer: its kind and its value."""
    try:
        function: Any = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
        answer = _pickled("result", function(*arguments))
    except MemoryError:
        return _pickled("exceeded", "memory")
    except RecursionError:
        return _pickled("exceeded", "depth")
    except Exception as error:
        if isinstance(error, Problem | ValueError) and confined.is_ours(type(error).__module__):
            return _pickled("raised", error)
        return _pickled("failed", traceback.format_exc()[-10_000:])
    return answer if len(answer) <= confined.LARGEST_RESULT else _pickled("exceeded", "result")


def _pickled(kind: str, value: object) -> bytes:
    return pickle.dumps((kind, value), protocol=pickle.HIGHEST_PROTOCOL)


def _exactly(job: socket.socket, length: int) -> bytes:
    """The next `length` octets. Raises EOFError where there are fewer."""
    found = bytearray(length)
    view = memoryview(found)
    while view:
        count = job.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(found)


def main() -> None:
    """Serve on the socket whose number is the one argument. Only its end ends the server, no signal of a stop."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control)


if __name__ == "__main__":
    main()
