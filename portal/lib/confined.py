"""Running a function on untrusted bytes in its own process, with limits on time and memory.

`run` is what everything that parses an uploaded or received message goes through. A function that takes too long, takes
too much, or crashes costs its own process and nothing else; the caller gets `Exceeded` and answers with a sentence.

How it works: each process that calls `run` starts one fork server (`portal.lib.confined_server`) at its first job,
a small program with one thread. It imports the function's module once and forks a process for each job, which costs
a few milliseconds and leaves nothing of one job to the next. The job's process limits itself before it reads its
arguments: time by timers that kill it, memory, file writes, processes and core dumps by setrlimit(2). The environment
with its secrets is not handed down.
"""

import atexit
import contextlib
import io
import logging
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple

from portal.lib.problems import Problem

logger = logging.getLogger(__name__)
Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

MOST_AT_ONCE: Final = 2
"""Jobs of one calling process at a time; a web worker or a Celery worker has one thread and never meets it."""
PATIENCE_SECONDS: Final = 1.0
"""How long a caller waits for its turn."""
CLOCK_TIMES: Final = 3
"""Times its processor time that a job may take on the clock: a busy machine is no fault of the message."""
LARGEST_RESULT: Final = 64 * 1024 * 1024
"""Octets of a pickled result."""
OUT_OF_MEMORY: Final = 77
"""The exit status of a process that had no memory left to say so."""
_START_SECONDS: Final = 20.0
"""For the fork server to start and to import the function's module, once; not part of a job's own time."""
GRACE_SECONDS: Final = 0.5
"""A job ends itself when its time is over; this long after that, it is killed from outside."""
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_OUR_PACKAGES: Final = frozenset(found.parent.name for found in _ROOT.glob("*/__init__.py"))
HEAD = struct.Struct("!dQH")
"""Seconds, octets of memory, length of the module's name."""
LENGTH = struct.Struct("!Q")


class Exceeded(Problem):
    """A job came to no result: it hit the limit that `limit` names, or its process ended by itself (413).

    `limit` is "time", "memory", "depth" (of nesting), "result" (its size) or "crash". What the job worked on is not
    proven to be anything: a caller refuses it, or counts it as unknown.
    """

    status = 413

    def __init__(self, limit: str, sentence: str = "") -> None:
        super().__init__(sentence or _SENTENCES[limit])
        self.limit = limit

    def __reduce__(self) -> tuple[type["Exceeded"], tuple[str, str]]:
        return type(self), (self.limit, str(self))


class Busy(Problem):
    """Too many jobs at once, or no process to be had (503). It says nothing of the content: the same works later."""

    status = 503


_SENTENCES: Final = {
    "time": "This takes longer to read than any ordinary message. Make it simpler, then try again.",
    "memory": "This takes more memory to read than any ordinary message. Make it smaller, then try again.",
    "depth": "This is nested too deeply to be read. Make it simpler, then try again.",
    "result": "There is too much in this to be shown. Make it smaller, then try again.",
    "crash": "This could not be read. Save the message again from the program that made it, then try again.",
}
_BUSY: Final = "The portal is reading other files just now. Try again in a moment."


def run(
    function: Callable[[*Arguments], Result], *arguments: *Arguments, seconds: float, megabytes: int
) -> Result:
    """The result of `function(*arguments)`, worked out in a process of its own.

    `function` stands at the top of a module; its arguments and result can be pickled, and a result holds only
    built-in types, classes of the standard library and of our packages. `seconds` bound its
    processor time, and `CLOCK_TIMES` as many its time on the clock, which is the longer one on a busy machine alone;
    `megabytes` (2**20 octets) bound what it may take beyond what the interpreter and our modules take.
    The function finds no database, no settings and no secrets; what depends on the time of day takes it as an argument.

    Raises `Exceeded` where a limit was hit or the process crashed; `Busy` where `MOST_AT_ONCE` jobs are running; and
    what `function` raised, where that is a Problem or a ValueError of a class of ours. Any other error is a defect that
    strange bytes found: it is logged, and is `Exceeded` too. Called inside of a job this calls `function` itself: the
    outer limits hold.
    """
    if "<" in function.__qualname__:
        raise TypeError(
            f"{function.__qualname__} cannot be imported: a confined function stands at the top of a module."
        )
    if _state.is_inside:
        return function(*arguments)
    payload = pickle.dumps((function.__qualname__, arguments), protocol=pickle.HIGHEST_PROTOCOL)
    if not _state.turns.acquire(timeout=PATIENCE_SECONDS):
        raise Busy(_BUSY)
    try:
        answer = _run(function.__module__, payload, seconds, megabytes * 1024 * 1024)
    finally:
        _state.turns.release()
    kind, value = answer
    if kind == "result":
        return value  # type: ignore[no-any-return]  # the function's own result, unpickled
    if kind == "raised":
        raise value
    if kind == "failed":
        logger.error("A confined %s.%s failed:\n%s", function.__module__, function.__qualname__, value)
        raise Exceeded("crash")
    raise Exceeded(value)


def mark_inside() -> None:
    """Say that this process is a job, so that `run` calls what it is given; for the fork server alone."""
    _state.is_inside = True


def is_ours(module: str) -> bool:
    """Whether a module is of our packages."""
    return module.partition(".")[0] in _OUR_PACKAGES


def _run(module: str, payload: bytes, seconds: float, memory: int) -> tuple[str, Any]:
    """The answer of one job: a word of what it is, and the value."""
    for _ in range(2):
        server = _state.server()
        try:
            return _Job(server, module, payload, seconds, memory).answer()
        except _ServerGone:
            _state.drop(server)
    logger.error("The fork server for confined functions does not start.")
    raise Busy(_BUSY)


class _ServerGone(Exception):
    """The fork server ended before the job began."""


class _Server:
    """The fork server of this process, and the socket on which it takes jobs. It ends when that socket is closed."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            # In a session of its own, so that a signal to the caller's process group does not end a job half-way.
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "portal.lib.confined_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=_ROOT,
                env=_environment(),
                start_new_session=True,
            )

    def send(self, job: socket.socket, status: int) -> None:
        """Hand a job's ends to the fork server. Raises _ServerGone."""
        try:
            socket.send_fds(self.control, [b"j"], [job.fileno(), status])
        except OSError:
            raise _ServerGone from None

    def stop(self) -> None:
        """Close the socket, then see to it that the process and every job of it are gone."""
        self.control.close()
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _environment() -> dict[str, str]:
    """What Python and its libraries need, and nothing that is secret."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TZ", "TMPDIR")}
    return kept | {"PYTHONUTF8": "1", "PYTHONPATH": str(_ROOT)}


class _Job:
    """One job on its way to the fork server and back."""

    def __init__(self, server: _Server, module: str, payload: bytes, seconds: float, memory: int) -> None:
        self.server, self.payload, self.seconds = server, payload, seconds
        name = module.encode()
        self.head = HEAD.pack(seconds, memory, len(name)) + name

    def answer(self) -> tuple[str, Any]:
        """What the job came to. Raises _ServerGone where it never began."""
        ours, theirs = socket.socketpair()
        status, status_end = os.pipe()
        try:
            try:
                ours.sendall(self.head)
                self.server.send(theirs, status_end)
            finally:
                theirs.close()
                os.close(status_end)
            self._begin(ours)
            try:
                body = self._exchange(ours)
            except TimeoutError:
                self.server.stop()  # It should have killed the job, and did not.
                return "exceeded", "time"
            return _read(body) if body is not None else ("exceeded", _limit_of(status))
        finally:
            ours.close()
            os.close(status)

    def _begin(self, ours: socket.socket) -> None:
        ours.settimeout(_START_SECONDS)
        try:
            began = ours.recv(1)
        except ConnectionError:
            began = b""
        except TimeoutError:
            self.server.stop()
            raise _ServerGone from None
        if not began:
            raise _ServerGone

    def _exchange(self, ours: socket.socket) -> bytearray | None:
        """Send the arguments and receive the pickled answer; None where the process ended without one."""
        deadline = time.monotonic() + self.seconds * CLOCK_TIMES + 2 * GRACE_SECONDS
        try:
            ours.settimeout(deadline - time.monotonic())
            ours.sendall(LENGTH.pack(len(self.payload)) + self.payload)
            (length,) = LENGTH.unpack(_receive(ours, LENGTH.size, deadline))
            return _receive(ours, length, deadline) if length <= LARGEST_RESULT else None
        except (ConnectionError, EOFError):
            return None


def _read(body: bytearray) -> tuple[str, Any]:
    """What the job's process wrote. It met strange bytes, so it is read as data."""
    try:
        kind, value = _Reader(io.BytesIO(body)).load()
    except Exception:
        logger.exception("The answer of a confined job cannot be read.")
        return "exceeded", "crash"
    return kind, value


def _receive(ours: socket.socket, length: int, deadline: float) -> bytearray:
    body = bytearray(length)
    view = memoryview(body)
    while view:
        ours.settimeout(max(deadline - time.monotonic(), 0.001))
        count = ours.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return body


def _limit_of(status: int) -> str:
    """Which limit ended a process, from its wait status, which the fork server writes as soon as it has it."""
    ready, _, _ = select.select([status], [], [], GRACE_SECONDS)
    word = os.read(status, 16) if ready else b""
    code = os.waitstatus_to_exitcode(int(word)) if word else 1
    if code in (-signal.SIGPROF, -signal.SIGALRM, -signal.SIGXCPU):
        return "time"
    # The kernel kills where the machine's memory runs out; a library in C that gets none aborts.
    return "memory" if code in (OUT_OF_MEMORY, -signal.SIGKILL, -signal.SIGABRT) else "crash"


class _Reader(pickle.Unpickler):
    """Reads an answer as data: plain classes of ours and of the standard library, never a function to call."""

    def find_class(self, module: str, name: str) -> Any:
        """The class of an answer. Raises UnpicklingError for anything else."""
        package = module.partition(".")[0]
        found = super().find_class(module, name)
        is_known = is_ours(module) or package in _STANDARD
        if isinstance(found, type) and is_known and found.__module__.partition(".")[0] == package:
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no class that an answer may hold.")


_STANDARD: Final = frozenset({"builtins", "collections", "datetime", "decimal", "ipaddress", "uuid"})


class _State:
    """What this process has: its fork server and its turns. A fork begins with none."""

    def __init__(self) -> None:
        self.is_inside = False
        """Whether this process is a job itself."""
        self.forget()

    def forget(self) -> None:
        """After a fork: the parent's server is the parent's. Its socket is closed, so that it ends with its parent."""
        inherited: _Server | None = getattr(self, "_server", None)
        if inherited is not None:
            inherited.control.close()
            inherited.process.returncode = 0  # Not this process's child: it is not waited for here.
        self.turns = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def server(self) -> _Server:
        """The running fork server."""
        with self._lock:
            if self._server is not None and self._server.process.poll() is not None:
                self._server.stop()
                self._server = None
            if self._server is None:
                self._server = _Server()
            return self._server

    def drop(self, server: _Server | None = None) -> None:
        """End the fork server, if it still is `server` or none is named; the next job starts another."""
        with self._lock:
            dropped = self._server if server in (None, self._server) else None
            self._server = None if dropped else self._server
        if dropped is not None:
            dropped.stop()


_state = _State()
os.register_at_fork(after_in_child=_state.forget)
atexit.register(_state.drop)
