"""Whom to ask on which day: pure arithmetic, no clock and no database."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import models


class Stage(models.TextChoices):
    """Who is asked to take over, in this order."""

    CO_OWNER = "co_owner", "the co-owner"
    MAILBOX = "mailbox", "the functional mailbox"
    HEAD = "head", "the head of the department"
    IT = "it", "IT"


ORDER = list(Stage)


def rank(stage: str) -> int:
    """The place of a stage in the order; -1 before the first."""
    return ORDER.index(Stage(stage)) if stage else -1


def due_on(
    index: int, *, askable: Sequence[Stage], noticed_on: date, step_days: int, all_days: int
) -> tuple[Stage, date]:
    """The stage at place `index` of what is left to do, and the day it begins."""
    last_day = noticed_on + timedelta(days=all_days)
    if index >= len(askable):
        return Stage.IT, last_day if askable else noticed_on
    return askable[index], min(noticed_on + timedelta(days=index * step_days), last_day)


def stage_due(
    *, askable: Sequence[Stage], noticed_on: date, today: date, step_days: int, all_days: int, declined: bool
) -> Stage:
    """The stage that `today` asks for; after days on which nothing ran, the newest one alone.

    `askable` are those before IT that somebody stands behind. Who declines passes it on at once; where nobody is
    left, it is IT's.
    """
    elapsed = (today - noticed_on).days
    if elapsed >= all_days or not askable:
        return Stage.IT
    place = elapsed // step_days if step_days else len(askable) - 1
    if declined and askable[0] == Stage.CO_OWNER:
        place = max(place, 1)
        if len(askable) == 1:
            return Stage.IT
    return askable[min(place, len(askable) - 1)]


def next_stage(
    current: str, *, askable: Sequence[Stage], noticed_on: date, step_days: int, all_days: int
) -> tuple[Stage, date] | None:
    """What happens next if nobody takes over, and on which day; None once it is IT's."""
    if current == Stage.IT:
        return None
    places = [place for place, stage in enumerate(askable) if rank(stage) > rank(current)]
    index = places[0] if places else len(askable)
    return due_on(index, askable=askable, noticed_on=noticed_on, step_days=step_days, all_days=all_days)
