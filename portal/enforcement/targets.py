"""What an export is, and the exports there are. Each kind owns and registers its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One thing that a grant puts into force: which, until when. The manifest lists them all."""

    grant: str
    value: str
    ends_on: date


@dataclass(frozen=True)
class Export:
    """The files of one target by their path below the published folder, and the entries they hold."""

    files: Mapping[str, str]
    entries: tuple[Entry, ...]


class LintError(ValueError):
    """A rendered file is malformed. Postfix skips such a line with a warning, so it must not get there."""


class Target(Protocol):
    """One mail system's format."""

    key: str
    """In paths and pages: "postfix"."""
    label: str

    def render(self, *, day: date, install_path: str) -> Export:
        """The files for the grants in force on `day`, deterministic and escaped. `install_path` is where the
        mail host will hold them."""

    def lint(self, folder: Path) -> None:
        """Raise LintError for malformed files in `folder` (the target's own)."""


_targets: dict[str, Target] = {}


def register(target: Target) -> None:
    """Add a target; its key is its folder."""
    _targets[target.key] = target


def targets() -> Iterable[Target]:
    """All targets."""
    return list(_targets.values())
