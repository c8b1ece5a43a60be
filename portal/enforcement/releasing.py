"""Making the signed releases that mail hosts pull: rendered, guarded, linted, signed, and stored in the
database. Each target has its own serials, so that a change of one does not affect the others' hosts.
"""

import hashlib
import json
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from portal.enforcement import archives, guard, holding, signing
from portal.enforcement.explaining import Seen
from portal.enforcement.models import HOSTS, ExportedGrant, Release, ReleaseChunk
from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import EXPORT_TARGETS, Export, LintError, Target
from portal.grants import dating
from portal.grants.dating import Today
from portal.lib.problems import Stale
from portal.standards.clauses import current_edition

KEPT_ARCHIVES = 3
_BATCH = 1000
SPOOL_BYTES = 8 * 1024 * 1024


class Refused(Exception):
    """A target's files cannot be written; its last release stays in use."""


@dataclass
class ReleaseOutcome:
    """The results for the targets."""

    released: list[Release] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)
    """By target: why its files could not be written. Its last release stays in use."""


def release(
    *, day: date | None = None, accept_change: bool = False, epoch: int | None = None
) -> ReleaseOutcome:
    """Make a release of every target whose files, entries or key changed. Raises SigningKeyMissing.

    Changes that no action explains are held, one permission at a time; `accept_change` holds nothing. `epoch`
    starts a new epoch: then every target is released. A refused target does not stop the others.
    """
    outcome, today = ReleaseOutcome(), run_day(day, accept_change=accept_change)
    for target in EXPORT_TARGETS:
        try:
            made = release_target(target, today=today, accept_change=accept_change, epoch=epoch)
        except (LintError, OSError) as error:
            outcome.refused[target.key] = Refused(f"{target.label}: {error}")
            continue
        if made is None:
            outcome.unchanged.append(target.key)
        else:
            outcome.released.append(made)
    holding.tell_new()
    return outcome


def run_day(day: date | None, *, accept_change: bool) -> Today:
    """The day to release for: `day`, or today, which `accept_change` takes for right."""
    if day is not None:
        return dating.judged(day)
    if accept_change:
        dating.trust(timezone.localdate())
    return dating.note_today()


def release_target(
    target: Target, *, today: Today, accept_change: bool = False, epoch: int | None = None
) -> Release | None:
    """Make a release of `target`; None if nothing changed. Raises LintError, OSError or Stale."""
    install_path, key_id = f"{settings.POSTFIX_MAP_DIR}/{target.key}", signing.key_id()
    with guard.snapshot():
        before = latest_release(target.key)
        store = HostStore(target.key, is_new=before is None)
        prepared = guard.prepare(
            target,
            place=HOSTS,
            today=today,
            install_path=install_path,
            store=store,
            accept_all=accept_change,
        )
        if not _is_new(before, prepared, key_id) and epoch is None:
            row = None
        else:
            row = _row_of(target, before, key_id, epoch)
            try:
                _lint(target, prepared.export)
            except LintError:
                prepared = guard.without_unreadable(
                    prepared, install_path=install_path, store=store, lint=partial(_lint, target)
                )
                if not _is_new(before, prepared, key_id) and epoch is None:
                    row = None
    if row is None:
        with transaction.atomic():
            _note_seen(prepared)
            holding.note_run(prepared)
        return None
    return _keep(row, before, prepared)


def _is_new(before: Release | None, prepared: guard.Prepared, key_id: str) -> bool:
    digest = _content_digest(prepared.export, prepared.clock.day)
    return before is None or (before.content_sha256, before.key_id) != (digest, key_id)


def _row_of(target: Target, before: Release | None, key_id: str, epoch: int | None) -> Release:
    known = Release.objects.aggregate(Max("epoch"))["epoch__max"] or 0
    return Release(
        target=target.key, epoch=known if epoch is None else epoch, serial=_next_serial(before), key_id=key_id
    )


def latest_release(target: str) -> Release | None:
    """The newest release of a target."""
    return Release.objects.filter(target=target).order_by("-epoch", "-serial").first()


def _next_serial(before: Release | None) -> int:
    first = int(f"{timezone.localdate():%Y%m%d}01")
    return max(first, before.serial + 1 if before else 0)


def _content_digest(export: Export, day: date) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(export.files.items()):
        digest.update(f"{name}\0{text}\0".encode())
    for entry in export.entries:
        digest.update(f"{entry.grant}\0{entry.value}\0{archives.last_day(entry, day)}\0".encode())
    return digest.hexdigest()


def _lint(target: Target, export: Export) -> None:
    with tempfile.TemporaryDirectory(prefix="techmail-lint-") as folder:
        for name, text in export.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="\n")
        target.lint(Path(folder))


def _keep(row: Release, before: Release | None, prepared: guard.Prepared) -> Release:
    export, day = prepared.export, prepared.clock.day
    files = {name: text.replace(SERIAL, str(row.serial)) for name, text in export.files.items()}
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    row.released_at = timezone.now().replace(microsecond=0)
    row.content_sha256 = _content_digest(export, day)
    row.grants, row.entries = len(prepared.marks), len(export.entries)
    facts = {
        "target": row.target,
        "epoch": row.epoch,
        "serial": row.serial,
        "key_id": row.key_id,
        "generated_at": row.released_at.isoformat(),
        "policy_edition": current_edition().id,
        "bytes": sum(len(text.encode()) for text in files.values()),
    }
    manifest = archives.manifest_bytes(facts=facts, digests=digests, entries=export.entries, day=day)
    row.manifest_sha256 = hashlib.sha256(manifest).hexdigest()
    row.files_sha256 = archives.files_digest(digests)
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as archive:
        archives.write_archive(archive, manifest=manifest, signature=signing.sign(manifest), files=files)
        row.size = archive.tell()
        archive.seek(0)
        with transaction.atomic():
            _lock(row, before)
            row.save(force_insert=True)
            for number, data in enumerate(archives.chunks_of(archive)):
                ReleaseChunk.objects.create(release=row, number=number, data=data)
            _note_grants(row, prepared)
            _note_seen(prepared)
            holding.note_run(prepared)
    _drop_old_archives(row)
    return row


def _lock(row: Release, before: Release | None) -> None:
    # Two workers may render at the same time. The second must not replace a newer state with an older one.
    newest = (
        Release.objects.select_for_update().filter(target=row.target).order_by("-epoch", "-serial").first()
    )
    if (newest and newest.pk) != (before and before.pk):
        raise Stale("Another release was made meanwhile.")


def _note_grants(row: Release, prepared: guard.Prepared) -> None:
    changed = set(prepared.changed)
    over = []
    standing = ExportedGrant.objects.filter(target=row.target, until__isnull=True)
    for pk, reference in standing.values_list("pk", "reference").iterator(_BATCH):
        if reference in changed or reference not in prepared.marks:
            over.append((pk, prepared.seen.get(reference)))
    for start in range(0, len(over), _BATCH):
        batch = over[start : start + _BATCH]
        ExportedGrant.objects.filter(pk__in=[pk for pk, _ in batch]).update(until=row)
        for pk, seen in batch:
            if seen is not None and seen.event:
                ExportedGrant.objects.filter(pk=pk).update(seen_event=seen.event, seen_at=seen.at)
    for references in guard.batches(sorted(changed)):
        lines = guard.lines_of(prepared.export, references)
        ExportedGrant.objects.bulk_create(
            _exported(row, prepared, reference, lines[reference]) for reference in references
        )


def _exported(row: Release, prepared: guard.Prepared, reference: str, lines: Sequence[str]) -> ExportedGrant:
    mark, seen = prepared.marks[reference], prepared.seen.get(reference, Seen())
    return ExportedGrant(
        target=row.target,
        reference=reference,
        fingerprint=mark.digest,
        entries=mark.entries,
        ends_on=mark.ends_on,
        since=row,
        lines="\n".join(lines),
        facts=prepared.facts.get(reference, ""),
        seen_event=seen.event,
        seen_at=seen.at,
    )


def _note_seen(prepared: guard.Prepared) -> None:
    """Record for unchanged permissions the last event that is reflected, but not for held ones."""
    held = {found.reference for found in prepared.unexplained}
    changed = set(prepared.changed)
    for reference, seen in prepared.seen.items():
        if reference in prepared.before and reference in prepared.marks and reference not in held | changed:
            ExportedGrant.objects.filter(
                target=prepared.target.key, reference=reference, until__isnull=True
            ).update(seen_event=seen.event, seen_at=seen.at)


class HostStore:
    """The contents of the newest release of a target, from the database."""

    def __init__(self, target: str, *, is_new: bool) -> None:
        self.rows = ExportedGrant.objects.filter(target=target)
        self.is_new = is_new

    def marks(self) -> dict[str, guard.Mark]:
        """By reference: its contents. Rows of earlier versions have no facts to write them from, and do not count."""
        rows = self.rows.filter(until__isnull=True, ends_on__isnull=False).exclude(facts="")
        columns = ("reference", "fingerprint", "ends_on", "entries", "seen_event", "seen_at")
        return {
            reference: guard.Mark(digest, ends_on, entries, Seen(event, at))
            for reference, digest, ends_on, entries, event, at in rows.values_list(*columns).iterator(_BATCH)
            if ends_on is not None
        }

    def kept(self, references: Collection[str]) -> dict[str, guard.Kept]:
        """The stored facts of these references."""
        found: dict[str, guard.Kept] = {}
        for batch in guard.batches(references):
            rows = self.rows.filter(until__isnull=True, reference__in=batch).exclude(facts="")
            for reference, lines, facts in rows.values_list("reference", "lines", "facts"):
                found[reference] = guard.Kept(lines.splitlines(), json.loads(facts))
        return found

    def gone(self, references: Collection[str]) -> dict[str, Seen]:
        """For those of these that it no longer holds: the last event that this reflects."""
        rows = self.rows.filter(until__isnull=False, reference__in=references).order_by("pk")
        return {
            reference: Seen(event, at)
            for reference, event, at in rows.values_list("reference", "seen_event", "seen_at")
        }


def _drop_old_archives(row: Release) -> None:
    rows = Release.objects.filter(target=row.target).order_by("-epoch", "-serial")
    kept = list(rows.values_list("pk", flat=True)[:KEPT_ARCHIVES])
    ReleaseChunk.objects.filter(release__target=row.target).exclude(release__in=kept).delete()
