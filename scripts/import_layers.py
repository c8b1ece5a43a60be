"""Whether imports run one way (import-linter), with every kind of request that there is.

pyproject.toml has the layers of the core. A kind is a folder at the top with an `apps.py`: each is a layer above the core that
imports no other kind, and no library imports one. So a new kind is held to that without being listed anywhere.
"""

import configparser
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def kinds_of(root: Path) -> list[str]:
    """The folders of the kinds below `root`, in alphabetical order."""
    return sorted(found.parent.name for found in root.glob("*/apps.py"))


def configuration(written: dict[str, Any], kinds: list[str]) -> configparser.ConfigParser:
    """import-linter's configuration as in pyproject.toml (`written`), with `kinds` as the highest layer."""
    made = configparser.ConfigParser(interpolation=None)
    made["importlinter"] = {"root_packages": _lines([*written["root_packages"], *kinds])}
    for number, contract in enumerate(written["contracts"]):
        whole = dict(contract)
        if contract["type"] == "layers":
            whole["layers"] = [" | ".join(kinds), *contract["layers"]]
        if contract["type"] == "forbidden":
            whole["forbidden_modules"] = [*contract["forbidden_modules"], *kinds]
        made[f"importlinter:contract:{number}"] = {
            name: _lines(value) if isinstance(value, list) else str(value) for name, value in whole.items()
        }
    return made


def _lines(values: list[str]) -> str:
    return "\n" + "\n".join(values)


def check(root: Path) -> int:
    """Run import-linter over the checkout at `root`; its exit code."""
    written = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.ini"
        with path.open("w") as file:
            configuration(written, kinds_of(root)).write(file)
        command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        done = subprocess.run([*command, "--config", str(path)], cwd=root, env=environment, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(check(ROOT))
