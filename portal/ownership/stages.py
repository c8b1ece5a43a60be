"""Who is asked on which day: pure date arithmetic, no clock and no database."""

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
    """The position of a stage in the order; -1 before the first."""
    return ORDER.index(SearchStage(stage)) if stage else -1


def due_on(
    index: int, *, candidates: Sequence[SearchStage], noticed_on: date, step_days: int, all_days: int
) -> tuple[SearchStage, date]:
    """The stage at position `index`, and the day on which it starts."""
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
    """The stage that is due on `today`; after days without a run, only the latest one.

    `candidates` are the stages before IT that have somebody to ask. A co-owner who declines ends their stage at
    once; the last stage is IT.
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
    """The next stage if nobody takes over, and its day; None at the IT stage."""
    if current == SearchStage.IT:
        return None
    places = [place for place, stage in enumerate(candidates) if rank(stage) > rank(current)]
    index = places[0] if places else len(candidates)
    return due_on(index, candidates=candidates, noticed_on=noticed_on, step_days=step_days, all_days=all_days)
