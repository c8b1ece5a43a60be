"""Whom to ask on which day: pure arithmetic, no clock and no database."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import models


class SearchStage(models.TextChoices):
    """Who is asked to take over, in this order."""

    CO_OWNER = "co_owner", "the co-owner"
    MAILBOX = "mailbox", "the functional mailbox"
    HEAD = "head", "the head of the department"
    IT = "it", "IT"


ORDER = list(SearchStage)


def rank(stage: str) -> int:
    """The place of a stage in the order; -1 before the first."""
    return ORDER.index(SearchStage(stage)) if stage else -1


def due_on(
    index: int, *, candidates: Sequence[SearchStage], noticed_on: date, step_days: int, all_days: int
) -> tuple[SearchStage, date]:
    """The stage at place `index` of what is left to do, and the day it begins."""
    last_day = noticed_on + timedelta(days=all_days)
    if index >= len(candidates):
        return SearchStage.IT, last_day if candidates else noticed_on
    return candidates[index], min(noticed_on + timedelta(days=index * step_days), last_day)


def stage_due(
    *,
    candidates: Sequence[SearchStage],
    noticed_on: date,
    today: date,
    step_days: int,
    all_days: int,
    declined: bool,
) -> SearchStage:
    """The stage that `today` asks for; after days on which nothing ran, the newest one alone.

    `candidates` are those before IT that somebody stands behind. Who declines passes it on at once; where nobody is
    left, it is IT's.
    """
    elapsed = (today - noticed_on).days
    if elapsed >= all_days or not candidates:
        return SearchStage.IT
    place = elapsed // step_days if step_days else len(candidates) - 1
    if declined and candidates[0] == SearchStage.CO_OWNER:
        place = max(place, 1)
        if len(candidates) == 1:
            return SearchStage.IT
    return candidates[min(place, len(candidates) - 1)]


def next_stage(
    current: str, *, candidates: Sequence[SearchStage], noticed_on: date, step_days: int, all_days: int
) -> tuple[SearchStage, date] | None:
    """What happens next if nobody takes over, and on which day; None once it is IT's."""
    if current == SearchStage.IT:
        return None
    places = [place for place, stage in enumerate(candidates) if rank(stage) > rank(current)]
    index = places[0] if places else len(candidates)
    return due_on(index, candidates=candidates, noticed_on=noticed_on, step_days=step_days, all_days=all_days)
