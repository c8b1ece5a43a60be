"""Whether today's date can be believed, kept in one row for all who decide by it.

After a jump of the date (more than three days since the last time anybody asked, or back) nothing ends by its day
alone until an administrator confirms the date: jobs act for the last day that was in order, and pages, exports and
the policy service judge last days by it. What people do acts at once.
"""

import logging
from datetime import date, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from portal.grants.models import Grant, TrustedDate
from portal.grants.states import GrantState
from portal.institution import institution
from portal.outbox.services import enqueue

logger = logging.getLogger(__name__)
LONGEST_GAP = timedelta(days=3)
"""A day later than this after the last one, or an earlier one, puts the date in doubt."""


def is_in_order(day: date, last: date) -> bool:
    """Whether `day` may follow `last`."""
    return last <= day <= last + LONGEST_GAP


class Today(NamedTuple):
    """The day by the clock, and the last day that was in order: the same one where the date is not in doubt."""

    day: date
    trusted: date

    @property
    def is_doubtful(self) -> bool:
        """Whether the date jumped and nobody confirmed it."""
        return self.day != self.trusted

    def is_in_force(self, grant: Grant) -> bool:
        """Whether `grant` is in force; while the date is in doubt its last day is judged by the last day in order."""
        has_begun = grant.starts_on <= max(self.day, self.trusted)
        is_over = grant.ends_on < self.trusted and grant.held_open_by_id is None
        return grant.state == GrantState.ACTIVE and has_begun and not is_over

    def is_kept(self, grant: Grant) -> bool:
        """Whether `grant` is in force for the sole reason that the date is in doubt."""
        return self.is_doubtful and self.is_in_force(grant) and not grant.is_in_force(self.day)


def today() -> Today:
    """Today, as the last one who asked `note_today` found it. One query, and nothing is written."""
    day, row = timezone.localdate(), TrustedDate.objects.first()
    is_noted = row is not None and row.doubtful_day is not None and not is_in_order(day, row.day)
    return Today(day, row.day if row is not None and is_noted else day)


def judged(day: date) -> Today:
    """`day` beside the last day that was in order, for who asks for another day than today's. Nothing is written."""
    row = TrustedDate.objects.first()
    return Today(day, day if row is None or is_in_order(day, row.day) else row.day)


def note_today() -> Today:
    """Today, compared with the last day that was in order; a date that jumped is noted, and told to IT once."""
    day, row = timezone.localdate(), TrustedDate.objects.first()
    if row is not None and row.day == day and row.doubtful_day is None:
        return Today(day, day)
    return _note(day)


@transaction.atomic
def _note(day: date) -> Today:
    TrustedDate.objects.get_or_create(pk=1, defaults={"day": day})
    row = TrustedDate.objects.select_for_update().get(pk=1)
    if is_in_order(day, row.day):
        trust(day)
        return Today(day, day)
    if row.doubtful_day != day:
        since = row.doubtful_since or timezone.now()
        TrustedDate.objects.filter(pk=1).update(doubtful_day=day, doubtful_since=since)
    if row.doubtful_since is None:
        logger.error("The date jumped from %s to %s; what ends by its day is held.", row.day, day)
        enqueue(
            recipient=institution().contact_email,
            template="date_in_doubt",
            context={"day": day, "last": row.day, "path": "/enforcement/"},
        )
    return Today(day, row.day)


def trusted_day() -> date:
    """The day for which scheduled jobs act."""
    return note_today().trusted


def trust(day: date) -> None:
    """Take `day` for right; the caller answers for that."""
    columns = {"day": day, "doubtful_day": None, "doubtful_since": None}
    TrustedDate.objects.update_or_create(pk=1, defaults=columns)


def date_in_doubt() -> TrustedDate | None:
    """The date that is in doubt, and the last day that was in order; None where all is well."""
    return TrustedDate.objects.filter(doubtful_day__isnull=False).first()
