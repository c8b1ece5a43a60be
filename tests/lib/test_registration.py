"""One registration per app: entries come in the order of the apps, and a name belongs to one of them."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from celery.beat import Scheduler
from django.apps import apps
from django.conf import settings

from portal.celery import app
from portal.enforcement.targets import EXPORT_TARGETS
from portal.lib.navigation import NAVIGATION
from portal.lib.registration import AppRegistration, ExtensionPoint, RegisteredApp
from portal.lib.schedule import JOBS
from portal.ui.links import url_or_none
from portal.workflow.registry import KINDS, UnknownKind, get

CORE = Path(settings.BASE_DIR, "portal")


def test_entries_are_read_in_the_order_of_their_registration() -> None:
    first: ExtensionPoint[str] = ExtensionPoint()
    second: ExtensionPoint[int] = ExtensionPoint()
    AppRegistration(first.contribution("a", "b"), second.contribution(1)).register()
    AppRegistration(first.contribution("c")).register()
    assert (list(first), list(second)) == (["a", "b", "c"], [1])


def test_registering_twice_changes_nothing() -> None:
    point: ExtensionPoint[str] = ExtensionPoint(str.lower)
    registration = AppRegistration(point.contribution("a"))
    registration.register()
    registration.register()
    assert list(point) == ["a"]


def test_a_unique_value_belongs_to_one_entry() -> None:
    point: ExtensionPoint[str] = ExtensionPoint(str.lower)
    point.add("Relay")
    with pytest.raises(ValueError, match="'relay' is registered already"):
        point.add("RELAY")


def test_a_replacement_ends_with_its_block() -> None:
    point: ExtensionPoint[str] = ExtensionPoint()
    point.add("real")
    with point.replaced_by("other"):
        assert list(point) == ["other"]
    assert list(point) == ["real"]


def test_every_app_with_a_registration_reads_it() -> None:
    for config in apps.get_app_configs():
        if (Path(config.path) / "registration.py").exists():
            assert isinstance(config, RegisteredApp), config.name


def test_a_kind_is_found_by_its_key() -> None:
    assert [get(kind.key) for kind in KINDS] == list(KINDS)
    with pytest.raises(UnknownKind):
        get("nothing")


def test_every_target_is_of_a_kind_there_is() -> None:
    assert {target.kind for target in EXPORT_TARGETS} <= {kind.key for kind in KINDS}


def test_beat_takes_every_job_and_the_worker_knows_its_task() -> None:
    scheduler = Scheduler(app, lazy=True)
    scheduler.merge_inplace(app.conf.beat_schedule)
    app.loader.import_default_modules()
    assert {entry.name: entry.task for entry in scheduler.schedule.values()} == {
        job.name: job.task.name for job in JOBS
    }
    assert {job.task.name for job in JOBS} <= set(app.tasks)
    for entry in scheduler.schedule.values():
        entry.is_due()


def test_the_core_imports_and_names_no_kind() -> None:
    kinds = {import_module(type(kind).__module__).__name__.partition(".")[0] for kind in KINDS}
    assert len(kinds) >= 4
    assert kinds <= set(sys.modules)
    imported = re.compile(rf"^\s*(from|import) ({'|'.join(kinds)})\b", re.MULTILINE)
    dotted = re.compile(rf"[\"'](?:{'|'.join(kinds)})\.(?:kind|models|services|tasks|urls|views)\b")
    for path in CORE.rglob("*.py"):
        if path == CORE / "settings.py":
            continue  # INSTALLED_APPS is the one place.
        text = path.read_text()
        assert not imported.search(text), path
        assert not dotted.search(text), path


def test_every_link_of_the_frame_has_a_page() -> None:
    assert [entry.page for entry in NAVIGATION if url_or_none(entry.page) is None] == []
