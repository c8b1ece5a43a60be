"""The broker of the pass belongs to one process of the run: no other empties its queue or takes its tasks."""

import os

import pytest
from django.conf import settings


def test_a_process_of_the_run_has_a_redis_database_of_its_own() -> None:
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not settings.REDIS_URL or not process:
        pytest.skip("runs in the PostgreSQL and Redis pass of `make test`")
    assert settings.REDIS_URL.endswith(f"/{int(process.removeprefix('gw')) + 1}")
    assert settings.REDIS_URL == settings.CELERY_BROKER_URL == os.environ["REDIS_URL"]
