"""Writing the exports: render, lint, guard, and replace by one atomic rename.

The folder holds `<target>/` (a symbolic link into `.published/<serial>/`) and `manifest.json`. A mail host
that reads through the link sees either the old set or the new one, never half of each.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from portal.enforcement import guard
from portal.enforcement.explaining import Seen
from portal.enforcement.targets import Entry, Export

SERIAL = "@SERIAL@"
KEPT_RELEASES = 3
STATE = "state.json"
"""Beside the manifest: the entries of each permission in each target, for comparison and for rendering again."""


@dataclass(frozen=True)
class Rendered:
    """All targets' files, before the serial is inserted."""

    exports: Mapping[str, Export]

    @property
    def entries(self) -> list[Entry]:
        """All entries, sorted."""
        found = {entry for export in self.exports.values() for entry in export.entries}
        return sorted(found, key=lambda entry: (entry.grant, entry.value))

    @property
    def files(self) -> dict[str, str]:
        """All files by path `<target>/<name>`."""
        return {
            f"{key}/{name}": text
            for key, export in self.exports.items()
            for name, text in export.files.items()
        }

    @property
    def sha256(self) -> str:
        """The digest of paths and contents, without the serial."""
        digest = hashlib.sha256()
        for path, text in sorted(self.files.items()):
            digest.update(f"{path}\0{text}\0".encode())
        return digest.hexdigest()


def manifest_of(rendered: Rendered, *, serial: int, generated_at: datetime, edition: str) -> dict[str, Any]:
    """The manifest: serial, digests, and each entry with its grant and its own last day."""
    files = {path: text.replace(SERIAL, str(serial)) for path, text in rendered.files.items()}
    return {
        "serial": serial,
        "generated_at": generated_at.isoformat(timespec="seconds"),
        "policy_edition": edition,
        "sha256": rendered.sha256,
        "files": {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(files.items())},
        "grants": sorted({entry.grant for entry in rendered.entries}),
        "entries": [
            {"grant": entry.grant, "value": entry.value, "ends_on": entry.ends_on.isoformat()}
            for entry in rendered.entries
        ],
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest in `folder`, or None."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest


class FolderStore:
    """The contents of a folder for one target, from its `state.json`."""

    def __init__(self, state: Mapping[str, Any] | None) -> None:
        self.is_new = state is None
        found = state or {}
        self.held: dict[str, Any] = found.get("held", {})
        self.past: dict[str, Any] = found.get("gone", {})

    def marks(self) -> dict[str, guard.Mark]:
        """By reference: its contents."""
        return {
            reference: guard.Mark(
                row["mark"], date.fromisoformat(row["ends_on"]), len(row["lines"]), _seen(row["seen"])
            )
            for reference, row in self.held.items()
        }

    def kept(self, references: Collection[str]) -> dict[str, guard.Kept]:
        """The stored facts of these references."""
        rows = ((reference, self.held.get(reference)) for reference in references)
        return {
            name: guard.Kept(row["lines"], json.loads(row["facts"]))
            for name, row in rows
            if row and row["facts"]
        }

    def gone(self, references: Collection[str]) -> dict[str, Seen]:
        """For those of these that it no longer holds: the last event that this reflects."""
        return {name: _seen(self.past[name]) for name in references if name in self.past}

    def after(self, prepared: guard.Prepared) -> dict[str, Any]:
        """The state once `prepared` is in the folder."""
        unexplained = {found.reference for found in prepared.unexplained}
        changed, held = set(prepared.changed), {}
        lines = guard.lines_of(prepared.export, changed)
        for reference, mark in prepared.marks.items():
            seen = prepared.seen.get(reference, Seen())
            if reference in changed:
                held[reference] = {
                    "mark": mark.digest,
                    "ends_on": mark.ends_on.isoformat(),
                    "seen": _plain(seen),
                    "lines": lines[reference],
                    "facts": prepared.facts.get(reference, ""),
                }
            else:
                held[reference] = dict(self.held[reference])
                if seen.event and reference not in unexplained:
                    held[reference]["seen"] = _plain(seen)
        past = {name: seen for name, seen in self.past.items() if name not in held}
        for reference in prepared.dropped:
            past[reference] = _plain(prepared.seen.get(reference, Seen()))
        return {"held": held, "gone": past}


def _seen(pair: Any) -> Seen:
    return Seen(pair[0], datetime.fromisoformat(pair[1]) if pair[1] else None)


def _plain(seen: Seen) -> list[Any]:
    return [seen.event, seen.at.isoformat() if seen.at else None]


def read_state(folder: Path) -> dict[str, Any]:
    """By target: the contents of `folder`; empty if nothing was published there, or by an earlier version."""
    try:
        state: dict[str, Any] = json.loads((folder / "current" / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Replace the state of the current set in `folder`."""
    home = (folder / "current").resolve()
    _write_file(home / f".{STATE}", json.dumps(state))
    (home / f".{STATE}").replace(home / STATE)


def published_files(folder: Path, target: str) -> dict[str, str]:
    """The current files of one target in `folder`."""
    home = folder / target
    if not home.is_dir():
        return {}
    return {path.name: path.read_text(encoding="utf-8") for path in home.iterdir() if path.is_file()}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one writer at a time, across processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stage(folder: Path, serial: int, target: str, export: Export) -> Path:
    """Write one target's files into the new set, which is not in use yet; return their folder."""
    home = folder / ".published" / str(serial) / target
    shutil.rmtree(home, ignore_errors=True)
    for name, text in export.files.items():
        _write_file(home / name, text.replace(SERIAL, str(serial)))
    return home


def discard(folder: Path, serial: int) -> None:
    """Remove a set that was not put in place."""
    shutil.rmtree(folder / ".published" / str(serial), ignore_errors=True)


def put_in_place(
    folder: Path, targets: list[str], manifest: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    """Activate the new set of `manifest`, whose files are staged."""
    serial = str(manifest["serial"])
    release = folder / ".published" / serial
    _write_file(release / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    _write_file(release / STATE, json.dumps(state))
    _swap(folder, release, targets)
    _drop_old_releases(folder, serial)


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _swap(folder: Path, release: Path, keys: list[str]) -> None:
    # Only the link `current` changes; the others lead through it and are created once.
    _link(folder / "current", release.relative_to(folder))
    for name in [*keys, "manifest.json"]:
        if not (folder / name).is_symlink():
            _link(folder / name, Path("current") / name)


def _link(link: Path, to: Path) -> None:
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to)
    fresh.replace(link)


def _drop_old_releases(folder: Path, current: str) -> None:
    releases = sorted((folder / ".published").iterdir(), key=lambda path: path.stat().st_mtime)
    for release in [r for r in releases if r.name != current][: -KEPT_RELEASES or None]:
        shutil.rmtree(release, ignore_errors=True)
