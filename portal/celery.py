"""The Celery application, with the schedule that the apps register.

Due work lives in the database and is swept on a schedule; no task carries a long countdown, since a worker
that is killed while it holds one loses it on the filesystem transport, and Redis gives it back only after
the visibility timeout.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from celery import Celery
from django.conf import settings

from portal import env
from portal.lib.schedule import JOBS

env.load_dotenv()


class _Schedule(Mapping[str, dict[str, Any]]):
    """The jobs that apps registered, as beat takes them: read when beat asks, since Django may start after this module."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, dict[str, Any]]:
        return {job.name: {"task": job.task.name, "schedule": job.schedule} for job in JOBS}


app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    timezone=settings.TIME_ZONE,
    beat_schedule_filename=str(settings.VAR_DIR / "celerybeat-schedule"),
    beat_schedule=_Schedule(),
)
if app.conf.broker_url == "filesystem://localhost":
    folder = settings.CELERY_FOLDER
    for name in ("queue", "processed", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "processed_folder": str(folder / "processed"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
    }
app.autodiscover_tasks()
