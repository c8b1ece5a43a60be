"""Asking a worker: once for a transaction and its arguments, and every task that is named is one."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.accounts import tasks
from portal.celery import app
from portal.lib import dispatch

TASK = "portal.accounts.tasks.send_reset_link"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    monkeypatch.setattr(tasks.send_reset_link, "apply_async", lambda args, retry: made.append((args, retry)))
    return made


@pytest.mark.django_db
def test_a_transaction_asks_once_for_the_same_arguments(
    calls: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for address in ("a@ttu.edu", "b@ttu.edu", "a@ttu.edu"):
            dispatch.after_commit(TASK, address, otherwise="nothing happens")
        with transaction.atomic():
            dispatch.after_commit(TASK, "a@ttu.edu", otherwise="nothing happens")
        assert calls == []
    assert calls == [(("a@ttu.edu",), False), (("b@ttu.edu",), False)]


def test_a_broker_out_of_reach_is_told_to_the_caller_and_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**how: Any) -> None:
        raise ConnectionRefusedError("redis")

    monkeypatch.setattr(tasks.send_reset_link, "apply_async", refuse)
    assert not dispatch.start(TASK, "a@ttu.edu", otherwise="the person asks again")
    assert f"{TASK}('a@ttu.edu',); the person asks again." in caplog.text


def test_a_task_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ImportError):
        dispatch.start("portal.accounts.tasks.nothing", otherwise="nothing happens")


def test_every_task_that_is_named_is_a_task() -> None:
    named = set()
    for folder in ("portal", *(found.parent.name for found in Path(settings.BASE_DIR).glob("*/apps.py"))):
        for path in Path(settings.BASE_DIR, folder).rglob("*.py"):
            named |= set(re.findall(r"\"((?:\w+\.)+tasks\.\w+)\"", path.read_text()))
    assert len(named) >= 9
    app.loader.import_default_modules()
    for name in sorted(named):
        assert import_string(name).name == name
        assert name in app.tasks
