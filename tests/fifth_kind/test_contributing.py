"""The kind in CONTRIBUTING is a kind: its code blocks, put into a copy of this checkout, pass every check there is.

Nothing else of the copy is edited but the one line in INSTALLED_APPS. `story.py` is run in it, and the tests that go over
all kinds.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from scripts.import_layers import check, kinds_of

BLOCK = re.compile(r"^`(maillists/\w+\.py)`[^\n]*\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 250
"""Lines of a simple kind."""
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "var", "__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".env"
)
OVER_ALL_KINDS = (
    "tests/fifth_kind/story.py",
    "tests/engine/test_declared_answers.py",
    "tests/standards",
    "tests/lib/test_import_layers.py",
    "tests/access/test_access_matrix.py::test_every_address_is_in_the_table",
)


def blocks() -> dict[str, str]:
    """The files of the kind, by their paths."""
    return dict(BLOCK.findall((settings.BASE_DIR / "CONTRIBUTING.md").read_text()))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout with the kind of CONTRIBUTING, as its text says to add it."""
    root = tmp_path_factory.mktemp("checkout") / "portal"
    shutil.copytree(settings.BASE_DIR, root, ignore=LEFT_OUT, symlinks=True)
    for name, text in blocks().items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    installed = root / "portal" / "settings.py"
    lines = installed.read_text().replace('    "campaigns",\n', '    "campaigns",\n    "maillists",\n', 1)
    installed.write_text(lines)
    done = run(root, "manage.py", "makemigrations", "maillists", "-n", "initial")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def run(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the copy; a minute is little on a busy machine, so the limit is ten."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = kept | {"PYTHONPATH": str(root), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_a_simple_kind_is_short() -> None:
    files = blocks()
    assert {Path(name).name for name in files} == {
        "__init__.py",
        "apps.py",
        "clauses.py",
        "forms.py",
        "kind.py",
        "models.py",
        "registration.py",
        "rules.py",
    }
    assert sum(text.count("\n") for text in files.values()) < LONGEST


def test_what_goes_over_all_kinds_covers_it(checkout: Path) -> None:
    done = run(checkout, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *OVER_ALL_KINDS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "maillist" in run(checkout, "-m", "pytest", "-q", "--collect-only", *OVER_ALL_KINDS[1:2]).stdout


def test_style_layers_and_migrations_hold(checkout: Path) -> None:
    for words in (("check", "maillists"), ("format", "--check", "maillists")):
        done = run(checkout, "-m", "ruff", *words, "--no-cache", "--exclude", "maillists/migrations")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "maillists" in kinds_of(checkout)
    assert check(checkout) == 0
    done = run(checkout, "manage.py", "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_types_hold(checkout: Path) -> None:
    done = run(checkout, "-m", "mypy", "maillists")
    assert done.returncode == 0, done.stdout + done.stderr
