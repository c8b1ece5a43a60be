"""Making the signed releases that mail hosts pull: rendered, guarded, linted, signed, and kept in the database.

Each target has serials of its own, so that a change of one leaves the others' hosts alone.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.enforcement import archives, signing
from portal.enforcement.models import ExportedGrant, Release, ReleaseChunk
from portal.enforcement.publishing import GUARD_FLOOR, GUARD_SHARE, SERIAL, ChangeRefused
from portal.enforcement.targets import Entry, Export, LintError, Target, targets
from portal.lib.problems import Stale
from portal.standards.clauses import current_edition

KEPT_ARCHIVES = 3
_BATCH = 1000
SPOOL_BYTES = 8 * 1024 * 1024


@dataclass
class Outcome:
    """What became of the targets."""

    released: list[Release] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)
    """By target: ChangeRefused (the 20 % guard), LintError or OSError. Its last release stays."""


def release(*, day: date | None = None, accept_change: bool = False) -> Outcome:
    """Make a release of every target whose files, entries or key changed. Raises SigningKeyMissing.

    One target that is refused leaves the others alone.
    """
    outcome, on = Outcome(), day or timezone.localdate()
    for target in targets():
        try:
            made = release_target(target, day=on, accept_change=accept_change)
        except (ChangeRefused, LintError, OSError) as error:
            outcome.refused[target.key] = error
            continue
        if made is None:
            outcome.unchanged.append(target.key)
        else:
            outcome.released.append(made)
    return outcome


def release_target(target: Target, *, day: date, accept_change: bool = False) -> Release | None:
    """A release of `target`, or None where nothing changed. Raises ChangeRefused, LintError, OSError or Stale."""
    before = latest_release(target.key)
    export = target.render(day=day, install_path=f"{settings.POSTFIX_MAP_DIR}/{target.key}")
    digest, key_id = _content_digest(export, day), signing.key_id()
    if before is not None and (before.content_sha256, before.key_id) == (digest, key_id):
        return None
    held = _fingerprints(export.entries, day)
    if before is not None and not accept_change:
        _guard(target, held)
    row = Release(
        target=target.key, serial=_next_serial(before), key_id=key_id, content_sha256=digest,
        grants=len(held), entries=len(export.entries),
    )  # fmt: skip
    files = {name: text.replace(SERIAL, str(row.serial)) for name, text in export.files.items()}
    _lint(target, files)
    return _keep(row, before, files=files, entries=export.entries, held=held, day=day)


def latest_release(target: str) -> Release | None:
    """The newest release of a target."""
    return Release.objects.filter(target=target).order_by("-serial").first()


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


def _fingerprints(entries: Iterable[Entry], day: date) -> dict[str, tuple[str, int]]:
    """By grant: the digest of its values, and how many there are."""
    values: dict[str, list[str]] = {}
    for entry in entries:
        values.setdefault(entry.grant, []).append(entry.value)
    return {
        grant: (hashlib.sha256("\0".join(sorted(found)).encode()).hexdigest(), len(found))
        for grant, found in values.items()
    }


def _guard(target: Target, held: Mapping[str, tuple[str, int]]) -> None:
    """Raise ChangeRefused if more than 20 % of the released entries would go, or as many would come."""
    standing = ExportedGrant.objects.filter(target=target.key, until__isnull=True)
    before = {row.reference: (row.fingerprint, row.entries) for row in standing.iterator()}
    total = sum(count for _, count in before.values())
    limit = max(GUARD_SHARE * total, GUARD_FLOOR)
    gone = sum(count for grant, (mark, count) in before.items() if held.get(grant, ("", 0))[0] != mark)
    come = sum(count for grant, (mark, count) in held.items() if before.get(grant, ("", 0))[0] != mark)
    if gone > limit or come > limit:
        raise ChangeRefused(
            f"{target.label}: {gone} of {total} entries would go and {come} would come; that is more than 20 %. "
            "Look at the grants, then run manage.py release --accept-change."
        )


def _lint(target: Target, files: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="techmail-lint-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="\n")
        target.lint(Path(folder))


def _keep(
    row: Release,
    before: Release | None,
    *,
    files: Mapping[str, str],
    entries: tuple[Entry, ...],
    held: Mapping[str, tuple[str, int]],
    day: date,
) -> Release:
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    row.released_at = timezone.now().replace(microsecond=0)
    facts = {
        "target": row.target,
        "serial": row.serial,
        "key_id": row.key_id,
        "generated_at": row.released_at.isoformat(),
        "policy_edition": current_edition().id,
    }
    manifest = archives.manifest_bytes(facts=facts, digests=digests, entries=entries, day=day)
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
            _note_grants(row, held)
    _drop_old_archives(row)
    return row


def _lock(row: Release, before: Release | None) -> None:
    # Two workers may render at once. The one that comes second must not put an older picture on top.
    newest = Release.objects.select_for_update().filter(target=row.target).order_by("-serial").first()
    if (newest and newest.pk) != (before and before.pk):
        raise Stale("Another release was made meanwhile.")


def _note_grants(row: Release, held: Mapping[str, tuple[str, int]]) -> None:
    standing = ExportedGrant.objects.filter(target=row.target, until__isnull=True)
    kept, over = set(), []
    for pk, reference, mark in standing.values_list("pk", "reference", "fingerprint").iterator():
        if held.get(reference, ("", 0))[0] == mark:
            kept.add(reference)
        else:
            over.append(pk)
    for start in range(0, len(over), _BATCH):
        ExportedGrant.objects.filter(pk__in=over[start : start + _BATCH]).update(until=row)
    # Batch by batch: bulk_create makes a list of all it is given first.
    fresh = (
        ExportedGrant(target=row.target, reference=grant, fingerprint=mark, entries=count, since=row)
        for grant, (mark, count) in sorted(held.items())
        if grant not in kept
    )
    while batch := list(islice(fresh, _BATCH)):
        ExportedGrant.objects.bulk_create(batch)


def _drop_old_archives(row: Release) -> None:
    serials = Release.objects.filter(target=row.target).order_by("-serial").values_list("serial", flat=True)
    oldest = list(serials[:KEPT_ARCHIVES])[-1]
    ReleaseChunk.objects.filter(release__target=row.target, release__serial__lt=oldest).delete()
