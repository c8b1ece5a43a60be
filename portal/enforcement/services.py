"""Publishing exports, and recording it."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.enforcement import guard, holding, publishing, releasing, signing
from portal.enforcement.models import Pending, Publication
from portal.enforcement.releasing import run_day
from portal.enforcement.targets import EXPORT_TARGETS, Entry, Export, LintError
from portal.institution import institution
from portal.lib import dispatch
from portal.outbox.services import enqueue
from portal.standards.clauses import current_edition

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """The result of a publication."""

    serial: int
    entries: int
    grants: int
    is_new: bool


def publish(
    *, folder: Path, accept_change: bool = False, day: date | None = None, install_path: str | None = None
) -> Published:
    """Write the exports of the grants in force on `day` (today) to `folder`.

    Changes that no action explains are held, one permission at a time; `accept_change` holds nothing. If
    nothing changed since the last publication there, the old files and serial stay. A target whose files cannot
    be written keeps its old ones: the others are published, and then its LintError is raised.
    """
    known = list(EXPORT_TARGETS)
    base, today = install_path or settings.POSTFIX_MAP_DIR, run_day(day, accept_change=accept_change)
    with publishing.locked(folder):
        state = publishing.read_state(folder)
        stores = {target.key: publishing.FolderStore(state.get(target.key)) for target in known}
        prepared, refused = dict[str, guard.Prepared](), dict[str, Exception]()
        with guard.snapshot():
            for target in known:
                try:
                    prepared[target.key] = guard.prepare(
                        target,
                        place=str(folder),
                        today=today,
                        install_path=f"{base}/{target.key}",
                        store=stores[target.key],
                        accept_all=accept_change,
                    )
                except LintError as error:
                    refused[target.key] = error
        work = _Publication(folder, base, stores, prepared, refused)
        done = work.unchanged() or work.write()
        with transaction.atomic():
            for found in work.prepared.values():
                holding.note_run(found)
    holding.tell_new()
    if work.refused:
        raise next(iter(work.refused.values()))
    return done


class _Publication:
    """One publication to a folder, in progress."""

    def __init__(
        self,
        folder: Path,
        base: str,
        stores: Mapping[str, publishing.FolderStore],
        prepared: dict[str, guard.Prepared],
        refused: dict[str, Exception],
    ) -> None:
        self.folder, self.base, self.stores = folder, base, stores
        self.prepared, self.refused = prepared, refused
        self.standing = publishing.read_manifest(folder)

    def rendered(self) -> publishing.Rendered:
        """All targets' files; for a refused one the current files of the folder."""
        exports = {}
        for key in self.stores:
            if key not in self.refused:
                exports[key] = self.prepared[key].export
            elif files := publishing.published_files(self.folder, key):
                exports[key] = Export(files, self._old_entries(key))
        return publishing.Rendered(exports)

    def _old_entries(self, key: str) -> tuple[Entry, ...]:
        rows = self.standing["entries"] if self.standing else []
        own = self.stores[key].held
        return tuple(
            Entry(row["grant"], row["value"], date.fromisoformat(row["ends_on"]))
            for row in rows
            if row["grant"] in own
        )

    def state(self) -> dict[str, Any]:
        """What the folder holds once this is done."""
        found: dict[str, Any] = {}
        for key, store in self.stores.items():
            if key not in self.refused:
                found[key] = store.after(self.prepared[key])
            elif not store.is_new:
                found[key] = {"held": store.held, "gone": store.past}
        return found

    def unchanged(self) -> Published | None:
        """The current publication, if it is already the same."""
        standing = self.standing
        if (
            standing is None
            or standing["sha256"] != self.rendered().sha256
            or not _is_whole(self.folder, standing)
        ):
            return None
        publishing.write_state(self.folder, self.state())
        return Published(standing["serial"], len(standing["entries"]), len(standing["grants"]), False)

    def write(self) -> Published:
        """Stage, lint and activate; a target that the mail system cannot read keeps its old files."""
        row = _record(self.folder)
        try:
            for key in list(self.prepared):
                self._stage(key, row.serial)
            if not self.prepared:
                raise next(iter(self.refused.values()))
            return self._finish(row)
        except Exception:
            publishing.discard(self.folder, row.serial)
            row.delete()
            raise

    def _stage(self, key: str, serial: int) -> None:
        found = self.prepared[key]
        home = publishing.stage(self.folder, serial, key, found.export)
        try:
            found.target.lint(home)
        except LintError:
            try:
                with guard.snapshot():
                    found = guard.without_unreadable(
                        found,
                        install_path=f"{self.base}/{key}",
                        store=self.stores[key],
                        lint=lambda export: found.target.lint(
                            publishing.stage(self.folder, serial, key, export)
                        ),
                    )
            except LintError as error:
                del self.prepared[key]
                self.refused[key] = error
                return
            self.prepared[key] = found

    def _finish(self, row: Publication) -> Published:
        rendered = self.rendered()
        for key in self.refused:
            if key in rendered.exports:
                publishing.stage(self.folder, row.serial, key, rendered.exports[key])
            else:
                (self.folder / ".published" / str(row.serial) / key).mkdir(parents=True, exist_ok=True)
        row.sha256 = rendered.sha256
        row.grants, row.entries = len({entry.grant for entry in rendered.entries}), len(rendered.entries)
        row.save()
        manifest = publishing.manifest_of(
            rendered, serial=row.serial, generated_at=row.published_at, edition=current_edition().id
        )
        publishing.put_in_place(self.folder, list(self.stores), manifest, self.state())
        return Published(row.serial, row.entries, row.grants, True)


def _is_whole(folder: Path, manifest: dict[str, object]) -> bool:
    files = manifest["files"]
    assert isinstance(files, dict)
    return all((folder / path).is_file() for path in files)


def _record(folder: Path) -> Publication:
    now = timezone.now()
    first = int(f"{timezone.localdate(now):%Y%m%d}01")
    latest = Publication.objects.order_by("-serial").values_list("serial", flat=True).first() or 0
    return Publication.objects.create(
        serial=max(first, latest + 1), published_at=now, folder=str(folder), grants=0, entries=0
    )


# ---------------------------------------------------------------- by itself, on a change
def is_published_by_itself() -> bool:
    """Whether changes are published automatically: to a folder, to hosts that pull, or both."""
    return bool(settings.PUBLISH_DIR) or signing.has_key()


def mark_changed() -> None:
    """Record, in the transaction that changes a grant, that the exports are out of date; dispatch a publication
    after it.
    """
    if not is_published_by_itself():
        return
    Pending.objects.get_or_create(pk=1)
    Pending.objects.filter(pk=1, changed_at__isnull=True).update(changed_at=timezone.now())
    dispatch.after_commit("portal.enforcement.tasks.publish_changes", otherwise="the sweep will publish")


def publish_changes(*, force: bool = False) -> Published | None:
    """Publish to PUBLISH_DIR and release to hosts if a grant changed (or `force`). Return the publication to
    PUBLISH_DIR, or None. The flag is cleared before the grants are read, so that a concurrent change is
    published next.
    """
    if not is_published_by_itself():
        return None
    cleared = Pending.objects.filter(pk=1, changed_at__isnull=False).update(changed_at=None)
    if not cleared and not force:
        return None
    try:
        refused = _release_to_hosts()
        published = _publish_to_folder(refused)
    except Exception:
        # Not published: the flag is set again, so that the periodic job retries.
        Pending.objects.filter(pk=1, changed_at__isnull=True).update(changed_at=timezone.now())
        raise
    if refused:
        _alarm(refused)
    else:
        Pending.objects.filter(pk=1).exclude(refused_because="").update(refused_because="")
    return published


def _release_to_hosts() -> list[Exception]:
    """Release if there is a signing key; return the refusals."""
    return list(releasing.release().refused.values()) if signing.has_key() else []


def _publish_to_folder(refused: list[Exception]) -> Published | None:
    if not settings.PUBLISH_DIR:
        return None
    try:
        return publish(folder=Path(settings.PUBLISH_DIR))
    except (LintError, OSError) as error:
        refused.append(error)
        return None


@transaction.atomic
def _alarm(refused: list[Exception]) -> None:
    sentence = "\n".join(dict.fromkeys(str(error) for error in refused))
    logger.error("The exports were not published: %s", sentence)
    pending, _ = Pending.objects.get_or_create(pk=1)
    pending.refused_because = sentence
    pending.save(update_fields=["refused_because"])
    digest = hashlib.sha256(sentence.encode()).hexdigest()[:16]
    enqueue(
        recipient=institution().contact_email,
        template="publish_refused",
        unique_key=f"publish_refused:{timezone.localdate()}:{digest}",
        context={"comment": sentence, "path": "/enforcement/"},
    )
