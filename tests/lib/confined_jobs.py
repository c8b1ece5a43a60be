"""What the tests let run in a confined process."""

import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.lib import confined
from portal.lib.outcome import Outcome
from portal.lib.problems import WrongState


class Refused(ValueError):
    """An error of ours."""


@dataclass(frozen=True, slots=True)
class Finding:
    outcome: Outcome
    sentence: str


def judge(text: str, times: int = 1) -> tuple[Finding, ...]:
    return (Finding(Outcome.WARN, text),) * times


def echo(value: Any) -> Any:
    return value


def refuse(text: str) -> None:
    raise Refused(text)


def wrong_state() -> None:
    raise WrongState("Not now.")


def stumble() -> None:
    raise KeyError("a defect")


def plain_value_error() -> None:
    raise ValueError("the standard library's")


def spin() -> None:
    while True:
        pass


def sleep(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def spin_in_c() -> int:
    return len(str(3 ** (10**7)))


def take_memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))


def take_memory_slowly() -> None:
    kept: list[str] = []
    while True:
        kept.append("x" * 10_000 + str(len(kept)))


def nest() -> None:
    nest()


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(0)


def abort() -> None:
    os.kill(os.getpid(), signal.SIGABRT)


def large_result() -> bytes:
    return b"x" * (confined.LARGEST_RESULT + 1)


class Trap:
    """Unpickled by a careless reader, it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


def trap(path: str) -> Trap:
    return Trap(path)


def environment() -> dict[str, str]:
    return dict(os.environ)


def write(path: str) -> None:
    Path(path).write_text("x" * 100)


def nested() -> int:
    return confined.run(os_pid, seconds=1, megabytes=50)


def os_pid() -> int:
    return os.getpid()


def two_pids() -> tuple[int, int]:
    return os.getpid(), nested()


def pids() -> tuple[int, int]:
    """This job's process and its fork server."""
    return os.getpid(), os.getppid()


def descriptors() -> list[str]:
    """What this process has open besides its standard streams; the folder that is read here is none of it."""
    links = {int(link.name): link for link in Path("/proc/self/fd").iterdir()}
    return [str(link.readlink()) for number, link in links.items() if number > 2 and os.path.lexists(link)]


def limits() -> str:
    return Path("/proc/self/limits").read_text()


_left: list[str] = []


def remember(text: str) -> list[str]:
    _left.append(text)
    return _left
