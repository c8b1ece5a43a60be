"""When exports are written, by whom, and what is remembered of it."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.enforcement import publishing, releasing, signing
from portal.enforcement.models import Pending, Publication
from portal.enforcement.targets import LintError, targets
from portal.institution import institution
from portal.lib import waking
from portal.outbox.services import enqueue
from portal.standards.clauses import current_edition

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What a publication did."""

    serial: int
    entries: int
    grants: int
    is_new: bool


def publish(
    *, folder: Path, accept_change: bool = False, day: date | None = None, install_path: str | None = None
) -> Published:
    """Write the exports of the grants in force on `day` (today) to `folder`.

    Where nothing changed since the last publication there, the old files and serial stay. Raises
    ChangeRefused (the 20 % guard) or LintError; the old files stay in both cases.
    """
    known = list(targets())
    with publishing.locked(folder):
        rendered = publishing.render(
            known, day=day or timezone.localdate(), install_path=install_path or settings.POSTFIX_MAP_DIR
        )
        standing = publishing.read_manifest(folder)
        if standing is not None and standing["sha256"] == rendered.sha256 and _is_whole(folder, standing):
            return Published(standing["serial"], len(standing["entries"]), len(standing["grants"]), False)
        if not accept_change:
            publishing.guard(rendered, folder)
        row = _record(folder, rendered)
        manifest = publishing.manifest_of(
            rendered, serial=row.serial, generated_at=row.published_at, edition=current_edition().id
        )
        publishing.write(rendered, known, folder, manifest)
    return Published(row.serial, row.entries, row.grants, True)


def _is_whole(folder: Path, manifest: dict[str, object]) -> bool:
    files = manifest["files"]
    assert isinstance(files, dict)
    return all((folder / path).is_file() for path in files)


@transaction.atomic
def _record(folder: Path, rendered: publishing.Rendered) -> Publication:
    now = timezone.now()
    first = int(f"{timezone.localdate(now):%Y%m%d}01")
    latest = Publication.objects.order_by("-serial").values_list("serial", flat=True).first() or 0
    return Publication.objects.create(
        serial=max(first, latest + 1),
        published_at=now,
        folder=str(folder),
        sha256=rendered.sha256,
        grants=len({entry.grant for entry in rendered.entries}),
        entries=len(rendered.entries),
    )


# ---------------------------------------------------------------- by itself, on a change
def is_published_by_itself() -> bool:
    """Whether changes go out without anybody's act: to a folder, to hosts that pull, or both."""
    return bool(settings.PUBLISH_DIR) or signing.has_key()


def mark_changed() -> None:
    """Note, in the transaction that changes a grant, that the exports are out of date; wake a worker after it."""
    if not is_published_by_itself():
        return
    Pending.objects.get_or_create(pk=1)
    Pending.objects.filter(pk=1, changed_at__isnull=True).update(changed_at=timezone.now())
    waking.once_on_commit(wake)


def wake() -> None:
    """Ask a worker to publish now."""
    from portal.enforcement.tasks import publish_changes

    waking.start(publish_changes, verb="publish")


def publish_changes(*, force: bool = False) -> Published | None:
    """Publish to PUBLISH_DIR and release to hosts if a grant changed since (or `force`).

    Returns what went to PUBLISH_DIR, or None. The mark is cleared before the grants are read, so a change that
    comes meanwhile is published next.
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
        # Not published: the mark stands again, so that the sweep tries once more.
        Pending.objects.filter(pk=1, changed_at__isnull=True).update(changed_at=timezone.now())
        raise
    if refused:
        _alarm(refused)
    else:
        Pending.objects.filter(pk=1).exclude(refused_because="").update(refused_because="")
    return published


def _release_to_hosts() -> list[Exception]:
    """Release where there is a key to sign with; returns the refusals."""
    return list(releasing.release().refused.values()) if signing.has_key() else []


def _publish_to_folder(refused: list[Exception]) -> Published | None:
    if not settings.PUBLISH_DIR:
        return None
    try:
        return publish(folder=Path(settings.PUBLISH_DIR))
    except (publishing.ChangeRefused, LintError, OSError) as error:
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
        context={"comment": sentence, "path": "/in-force/"},
    )
