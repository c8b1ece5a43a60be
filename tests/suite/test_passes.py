"""What the difference between PostgreSQL and SQLite, or Redis and files, can break is tested on both."""

import re
from pathlib import Path

from django.apps import apps

from portal.workflow import registry
from tests.passes import BY_ENGINE, ON_SQLITE, STORIES

ROOT = Path(__file__).resolve().parents[2]
ASKS_FOR_THE_ENGINE = re.compile(
    r"connection\.vendor|\.features\.(has|supports)_|import Worker\b|MigrationExecutor"
)
ONLY_POSTGRES = re.compile(r"\bpostgres: None|usefixtures\(\"postgres\"\)")


def texts(pattern: str) -> dict[str, str]:
    """What the files say whose names match, by their paths."""
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(ROOT.glob(pattern))}


def test_what_is_listed_is_there() -> None:
    assert [path for path in (*ON_SQLITE, *STORIES.values(), *BY_ENGINE) if not (ROOT / path).is_file()] == []


def test_a_test_that_depends_on_the_engine_or_the_broker_is_listed() -> None:
    tests = texts("tests/*/test_*.py")
    assert len(tests) > 150
    here = Path(__file__).relative_to(ROOT).as_posix()
    depend = {path for path, text in tests.items() if ASKS_FOR_THE_ENGINE.search(text)} - {here}
    by_name = {path for path in tests if re.search("race|migration", path)}
    depend |= {path for path in by_name if not ONLY_POSTGRES.search(tests[path])}
    assert depend - set(ON_SQLITE) == set(), "Add them to tests/passes.py."


def test_a_module_that_asks_which_engine_it_is_on_is_tested_on_both() -> None:
    folders = {
        Path(app.path).relative_to(ROOT).parts[0] for app in apps.get_app_configs() if _is_ours(app.path)
    }
    modules: dict[str, str] = {}
    for folder in folders - {"tests"}:
        modules |= texts(f"{folder}/**/*.py")
    branch = {
        path
        for path, text in modules.items()
        if "/migrations/" not in path and re.search(r"\.vendor [!=]= \"|\.features\.(has|supports)_", text)
    }
    assert branch == set(BY_ENGINE)
    assert set(BY_ENGINE.values()) <= set(ON_SQLITE)


def _is_ours(path: str) -> bool:
    return Path(path).is_relative_to(ROOT) and ".venv" not in path


def test_every_kind_has_its_story_on_both() -> None:
    assert set(STORIES) == {kind.key for kind in registry.kinds()}
    assert set(STORIES.values()) <= set(ON_SQLITE)
