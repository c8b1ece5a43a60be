"""`portal.lib.confined`: what a function on strange bytes can cost, and that nothing of it is left."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.lib import confined
from portal.lib.outcome import Outcome
from portal.lib.problems import WrongState
from tests.lib import confined_jobs as jobs
from tests.support.clock import Stopwatch

SECONDS, MEGABYTES = 5.0, 64


def run(function: Callable[..., Any], *arguments: Any, seconds: float = SECONDS) -> Any:
    return confined.run(function, *arguments, seconds=seconds, megabytes=MEGABYTES)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not happen within a minute"
        threading.Event().wait(0.01)


def is_gone(pid: int) -> bool:
    """Whether a process ended: nothing of it is left but, perhaps, an entry that its new parent has yet to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_result_is_what_the_function_returned() -> None:
    assert run(jobs.judge, "one", 2) == (jobs.Finding(Outcome.WARN, "one"),) * 2
    assert run(jobs.echo, {"nested": [b"\xff", 1.5, None, {"a"}]}) == {"nested": [b"\xff", 1.5, None, {"a"}]}


def test_it_runs_in_another_process_and_leaves_nothing_to_the_next() -> None:
    assert run(jobs.os_pid) != os.getpid()
    assert run(jobs.remember, "secret") == ["secret"]
    assert run(jobs.remember, "next") == ["next"]


def test_our_own_errors_come_back_as_they_were() -> None:
    with pytest.raises(jobs.Refused, match="no message"):
        run(jobs.refuse, "no message")
    with pytest.raises(WrongState, match="Not now"):
        run(jobs.wrong_state)


@pytest.mark.parametrize(
    ("function", "arguments", "limit"),
    [
        (jobs.spin, (), "time"),
        (jobs.spin_in_c, (), "time"),
        (jobs.sleep, (60.0,), "time"),
        (jobs.take_memory, (MEGABYTES + 1,), "memory"),
        (jobs.take_memory_slowly, (), "memory"),
        (jobs.nest, (), "depth"),
        (jobs.crash, (), "crash"),
        (jobs.leave, (), "crash"),
        (jobs.stumble, (), "crash"),
        (jobs.plain_value_error, (), "crash"),
    ],
)
def test_a_limit_ends_it_and_is_named(function: Any, arguments: tuple[Any, ...], limit: str) -> None:
    run(jobs.os_pid)
    watch = Stopwatch()
    with pytest.raises(confined.Exceeded) as caught:
        run(function, *arguments, seconds=0.4)
    assert caught.value.limit == limit
    assert watch.seconds < 0.4 * confined.CLOCK_TIMES + confined.GRACE_SECONDS
    assert run(jobs.echo, "still there") == "still there"


def test_a_result_that_is_too_large_is_a_limit_too() -> None:
    with pytest.raises(confined.Exceeded) as caught:
        confined.run(jobs.large_result, seconds=SECONDS, megabytes=512)
    assert caught.value.limit == "result"


def test_an_answer_is_data_and_runs_nothing_here(tmp_path: Path) -> None:
    with pytest.raises(confined.Exceeded):
        run(jobs.trap, str(tmp_path / "made"))
    assert not (tmp_path / "made").exists()


def test_it_sees_no_secret_and_writes_no_file(tmp_path: Path) -> None:
    assert {"SECRET_KEY", "DATABASE_URL", "SMTP_PASSWORD"}.isdisjoint(run(jobs.environment))
    with pytest.raises(confined.Exceeded):
        run(jobs.write, str(tmp_path / "written"))
    assert not (tmp_path / "written").exists() or (tmp_path / "written").stat().st_size == 0


def test_its_process_holds_its_own_socket_alone_and_dumps_no_core() -> None:
    assert [one.partition(":")[0] for one in run(jobs.descriptors)] == ["socket"]
    core = next(line for line in run(jobs.limits).splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_inside_of_a_job_it_is_a_plain_call() -> None:
    outer, inner = run(jobs.two_pids)
    assert outer == inner


def test_what_cannot_be_imported_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="top of a module"):
        confined.run(lambda: 1, seconds=1, megabytes=1)


def test_too_many_at_once_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "PATIENCE_SECONDS", 0.05)
    threads = [threading.Thread(target=run, args=(jobs.sleep, 1.0)) for _ in range(confined.MOST_AT_ONCE)]
    for thread in threads:
        thread.start()
    wait_until(lambda: confined._state.turns._value == 0)
    with pytest.raises(confined.Busy, match="Try again in a moment"):
        run(jobs.os_pid)
    for thread in threads:
        thread.join()
    assert run(jobs.echo, 1) == 1


def test_a_job_among_threads_keeps_to_its_own() -> None:
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: run(jobs.echo, number)}))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number for number in range(20)}


def test_a_fork_server_that_died_is_started_again() -> None:
    _, server = run(jobs.pids)
    os.kill(server, signal.SIGKILL)
    _, another = run(jobs.pids)
    assert another != server
    assert is_gone(server)


def test_a_stop_of_the_service_does_not_end_a_job_half_way() -> None:
    _, server = run(jobs.pids)
    os.kill(server, signal.SIGTERM)
    assert run(jobs.pids)[1] == server


def test_a_fork_has_a_server_of_its_own() -> None:
    _, server = run(jobs.pids)
    with multiprocessing.get_context("fork").Pool(1) as pool:  # its processes are daemons, as Celery's are
        _, theirs = pool.apply(run, (jobs.pids,))
        assert theirs != server
        assert run(jobs.pids)[1] == server
    wait_until(lambda: is_gone(theirs))
    assert run(jobs.pids)[1] == server


_CALLER = """
import sys
from portal.lib import confined
from tests.lib import confined_jobs as jobs
print(*confined.run(jobs.pids, seconds=5, megabytes=64), flush=True)
confined.run(jobs.sleep, 300.0, seconds=300, megabytes=64)
"""


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_its_caller(ended_by: int) -> None:
    caller = subprocess.Popen([sys.executable, "-c", _CALLER], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    server = int(caller.stdout.readline().split()[1])
    children = Path(f"/proc/{server}/task/{server}/children")
    wait_until(lambda: bool(children.read_text().split()))
    job = int(children.read_text().split()[0])
    caller.send_signal(ended_by)
    caller.wait()
    caller.stdout.close()
    wait_until(lambda: is_gone(server) and is_gone(job))
