"""Held changes: stored, reported once, released by an administrator; and the doubtful date."""

import logging
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.enforcement.guard import Prepared
from portal.enforcement.models import HOSTS, DateConfirmation, HeldChange, RunState
from portal.enforcement.targets import EXPORT_TARGETS
from portal.grants import dating, publication
from portal.grants.models import TrustedDate
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.services import enqueue

logger = logging.getLogger(__name__)
TOLD = 20
_BATCH = 500
_COMPARED = ("mark", "direction", "is_by_day", "is_unwritable")


def may_decide(actor: User) -> bool:
    """Whether `actor` may release what is held, or confirm the date: administrators alone."""
    return actor.has_role(Role.ADMINISTRATOR)


def note_run(prepared: Prepared) -> None:
    """Store the results of a run: its day, the last event it read, and held changes. Call it in the release's
    transaction.
    """
    clock = prepared.clock
    columns: dict[str, object] = {"events_read_to": prepared.events_read_to}
    if not clock.is_doubtful:
        columns["day"] = clock.day
    state, _ = RunState.objects.get_or_create(
        place=prepared.place, target=prepared.target.key, defaults={"day": clock.day}
    )
    if any(getattr(state, name) != value for name, value in columns.items()):
        RunState.objects.filter(pk=state.pk).update(**columns)
    _note_held(prepared)


def _note_held(prepared: Prepared) -> None:
    rows = HeldChange.objects.filter(
        place=prepared.place, target=prepared.target.key, closed_at__isnull=True
    ).select_for_update()
    standing = {row.reference: row for row in rows}
    over, fresh = [], []
    for found in prepared.unexplained:
        row = standing.pop(found.reference, None)
        if row is not None and all(getattr(row, name) == getattr(found, name) for name in _COMPARED):
            continue
        if row is not None:
            over.append(row.pk)
        fresh.append(
            HeldChange(
                place=prepared.place,
                target=prepared.target.key,
                reference=found.reference,
                direction=found.direction,
                mark=found.mark,
                lines="\n".join(found.lines),
                why=found.why,
                is_by_day=found.is_by_day,
                is_unwritable=found.is_unwritable,
            )
        )
    over += [row.pk for row in standing.values()]
    for start in range(0, len(over), _BATCH):
        HeldChange.objects.filter(pk__in=over[start : start + _BATCH]).update(closed_at=timezone.now())
    HeldChange.objects.bulk_create(fresh, batch_size=_BATCH)


# ---------------------------------------------------------------- telling
@transaction.atomic
def tell_new() -> None:
    """Write to IT once of each change that is held since the last email. A date in doubt was told when it was noted."""
    rows = open_holds().filter(told_at__isnull=True, decided_at__isnull=True, is_by_day=False)
    new = list(rows.select_for_update()[: TOLD + 1])
    if not new:
        return
    count = rows.count()
    rows.update(told_at=timezone.now())
    logger.error("%s changes are held back from the mail system.", count)
    enqueue(
        recipient=institution().contact_email,
        template="changes_held",
        context={"count": count, "lines": _told_lines(new[:TOLD], count), "path": "/enforcement/"},
    )


def _told_lines(rows: Iterable[HeldChange], count: int) -> str:
    lines: list[str] = []
    for row in rows:
        lines.append(
            f"{row.reference}, {target_label(row.target)}: {row.get_direction_display().lower()}. {row.why}"
        )
        own = row.lines.splitlines()
        lines += [f"  {line}" for line in own[:5]]
        if len(own) > 5:
            lines.append(f"  and {len(own) - 5} lines more")
    if count > TOLD:
        lines.append(f"and {count - TOLD} more")
    return "\n".join(lines)


def target_label(key: str) -> str:
    """A target's name for people."""
    return next((target.label for target in EXPORT_TARGETS if target.key == key), key)


# ---------------------------------------------------------------- reading
def open_holds() -> QuerySet[HeldChange]:
    """What is held now, the newest first."""
    return HeldChange.objects.filter(closed_at__isnull=True)


def place_label(place: str) -> str:
    """Where a change is held, as a phrase."""
    return "mail hosts" if place == HOSTS else f"the folder {place}"


# ---------------------------------------------------------------- deciding
@transaction.atomic
def release_anyway(*, actor: User, change: HeldChange, reason: str) -> None:
    """Allow a held change in the next release, in every place where the same change is held. Raises NotAllowed,
    ValidationError (keyed `reason`), or WrongState if it is no longer held.
    """
    if not may_decide(actor):
        raise NotAllowed("Only administrators release what is held back.")
    if not reason.strip():
        raise ValidationError({"reason": "Say why this is meant. It is recorded with your name."})
    same = open_holds().filter(target=change.target, reference=change.reference, mark=change.mark)
    rows = list(same.select_for_update())
    if change.pk not in {row.pk for row in rows if row.decided_at is None}:
        raise WrongState("This change is not held any more. Open the page again to see what is.")
    if change.is_unwritable:
        raise WrongState(
            "The mail system cannot read this as it is. Correct the permission; it goes out by itself then."
        )
    same.filter(decided_at__isnull=True).update(
        decided_by=actor, decided_at=timezone.now(), reason=reason.strip()
    )
    logger.warning("Held change %s was released by %s.", change.pk, actor.pk)
    publication.changed()


@transaction.atomic
def confirm_date(*, actor: User) -> DateConfirmation:
    """Confirm today's date after a jump; held removals by date are then released. Raises NotAllowed, or
    WrongState if no date is doubtful.
    """
    if not may_decide(actor):
        raise NotAllowed("Only administrators confirm the date.")
    today = timezone.localdate()
    if not TrustedDate.objects.select_for_update().filter(doubtful_day__isnull=False):
        raise WrongState("No date is in doubt any more.")
    dating.trust(today)
    confirmation = DateConfirmation.objects.create(actor=actor, day=today)
    logger.warning("The date %s was confirmed by %s.", today, actor.pk)
    publication.changed()
    return confirmation
