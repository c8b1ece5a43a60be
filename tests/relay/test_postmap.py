"""Postfix's own reader has the last word on the maps, in one call for all of them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from portal.enforcement.targets import LintError
from relay.exports import PostfixRelay
from tests.conftest import program

GOLDEN = Path(__file__).parent.parent / "enforcement" / "golden"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    program("postmap", "apt-get install postfix")
    for name in ("relay_clients.cidr", "tm_r_1001", "tm_r_1001_to", "ungranted_senders", "main.cf"):
        shutil.copyfile(GOLDEN / name, tmp_path / name)
    return tmp_path


def test_many_tables_are_read_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1500):
        (folder / f"tm_r_{number}").write_text((folder / "tm_r_1001").read_text())
    calls, run = list[object](), subprocess.run

    def counted(*words: Any, **how: Any) -> Any:
        calls.append(words)
        return run(*words, **how)

    monkeypatch.setattr(subprocess, "run", counted)
    PostfixRelay().lint(folder)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("tm_r_1001", "lonely-key\n", "expected format"),
        ("relay_clients.cidr", "129.118.1.1/8\tOK\n", "non-null host address bits"),
    ],
)
def test_what_postfix_would_skip_is_refused(
    folder: Path, name: str, text: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.exports.lint_map", lambda text: None)
    monkeypatch.setattr("relay.exports.lint_cidr", lambda text: None)
    (folder / name).write_text(text)
    with pytest.raises(LintError, match=f"postmap: .*{says}"):
        PostfixRelay().lint(folder)
