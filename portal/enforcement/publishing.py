"""Writing the exports: rendered, linted, guarded, and put in place by one atomic rename.

The folder holds `<target>/` (a symbolic link into `.published/<serial>/`) and `manifest.json`. A mail host
that reads through the link sees either the old set or the new one, never half of each.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from portal.enforcement.targets import Entry, Export, Target

SERIAL = "@SERIAL@"
KEPT_RELEASES = 3
GUARD_SHARE = 0.20
GUARD_FLOOR = 2
"""Up to so many entries may come or go whatever their share: one of three is no accident."""


class ChangeRefused(Exception):
    """More would come or go than the guard lets through without a person's word."""


@dataclass(frozen=True)
class Rendered:
    """All targets' files, before the serial is put in."""

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


def render(targets: list[Target], *, day: date, install_path: str) -> Rendered:
    """Render every target for `day`."""
    return Rendered({t.key: t.render(day=day, install_path=f"{install_path}/{t.key}") for t in targets})


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


def guard(rendered: Rendered, folder: Path) -> None:
    """Raise ChangeRefused if more than 20 % of the published entries would go, or as many would come."""
    published = read_manifest(folder)
    if published is None:
        return
    before = {(entry["grant"], entry["value"]) for entry in published["entries"]}
    after = {(entry.grant, entry.value) for entry in rendered.entries}
    limit = max(GUARD_SHARE * len(before), GUARD_FLOOR)
    gone, come = len(before - after), len(after - before)
    if gone > limit or come > limit:
        raise ChangeRefused(
            f"{gone} of {len(before)} entries would go and {come} would come; that is more than 20 %. Look at the "
            "grants, then publish with --accept-change."
        )


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest that stands in `folder`, or None."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one writer at a time, across processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(rendered: Rendered, targets: list[Target], folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write, lint and swap in one release. Raises LintError, and then leaves the old one in place."""
    serial = str(manifest["serial"])
    release = folder / ".published" / serial
    shutil.rmtree(release, ignore_errors=True)
    for path, text in rendered.files.items():
        _write_file(release / path, text.replace(SERIAL, serial))
    _write_file(release / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    try:
        for target in targets:
            target.lint(release / target.key)
    except Exception:
        shutil.rmtree(release, ignore_errors=True)
        raise
    _swap(folder, release, [target.key for target in targets])
    _drop_old_releases(folder, serial)


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _swap(folder: Path, release: Path, keys: list[str]) -> None:
    # `current` is the one link that moves; the others lead through it and are made once.
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
