"""What Celery's beat does and when: each app registers its own jobs, `portal.celery` hands them to beat."""

from dataclasses import dataclass
from typing import Any, Protocol

from portal.lib.registration import ExtensionPoint


class Task(Protocol):
    """A Celery task, as far as beat needs it."""

    name: str


@dataclass(frozen=True)
class Job:
    """A task that beat starts again and again; `schedule` is seconds, or a `celery.schedules.crontab` in local time."""

    name: str
    task: Task
    schedule: Any


JOBS: ExtensionPoint[Job] = ExtensionPoint(lambda job: job.name)
