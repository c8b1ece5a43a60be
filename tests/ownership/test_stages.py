"""Whom a day asks for, for any owners, days and gaps."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.ownership.stages import SearchStage, next_stage, rank, stage_due

DAY = date(2026, 9, 1)
ASKABLE = st.sets(st.sampled_from([SearchStage.CO_OWNER, SearchStage.MAILBOX, SearchStage.HEAD])).map(
    lambda found: sorted(found, key=rank)
)


def due(
    candidates: list[SearchStage], days: int, *, declined: bool = False, step: int = 5, total: int = 14
) -> SearchStage:
    return stage_due(
        candidates=candidates,
        noticed_on=DAY,
        today=DAY + timedelta(days=days),
        step_days=step,
        all_days=total,
        declined=declined,
    )


def test_all_are_asked_in_turn_and_then_it() -> None:
    everybody = [SearchStage.CO_OWNER, SearchStage.MAILBOX, SearchStage.HEAD]
    assert [due(everybody, days) for days in (0, 4, 5, 9, 10, 13, 14, 90)] == [
        SearchStage.CO_OWNER,
        SearchStage.CO_OWNER,
        SearchStage.MAILBOX,
        SearchStage.MAILBOX,
        SearchStage.HEAD,
        SearchStage.HEAD,
        SearchStage.IT,
        SearchStage.IT,
    ]


def test_who_declines_passes_it_on_at_once() -> None:
    assert due([SearchStage.CO_OWNER, SearchStage.HEAD], 1, declined=True) == SearchStage.HEAD
    assert due([SearchStage.CO_OWNER], 1, declined=True) == SearchStage.IT
    assert due([], 0) == SearchStage.IT


@given(candidates=ASKABLE, step=st.integers(0, 30), total=st.integers(0, 60), declined=st.booleans())
def test_days_only_lead_on_and_it_has_it_on_the_last(
    candidates: list[SearchStage], step: int, total: int, declined: bool
) -> None:
    found = [due(candidates, days, declined=declined, step=step, total=total) for days in range(total + 3)]
    assert [rank(stage) for stage in found] == sorted(rank(stage) for stage in found)
    assert found[total] == SearchStage.IT
    assert all(stage in (*candidates, SearchStage.IT) for stage in found)


@given(candidates=ASKABLE, step=st.integers(1, 30), total=st.integers(1, 60), days=st.integers(0, 59))
def test_what_is_announced_is_what_comes(
    candidates: list[SearchStage], step: int, total: int, days: int
) -> None:
    now = due(candidates, days, step=step, total=total)
    told = next_stage(now, candidates=candidates, noticed_on=DAY, step_days=step, all_days=total)
    if now == SearchStage.IT:
        assert told is None
        return
    assert told is not None
    stage, on = told
    assert rank(stage) > rank(now)
    assert rank(due(candidates, (on - DAY).days - 1, step=step, total=total)) <= rank(now)
    came = due(candidates, (on - DAY).days, step=step, total=total)
    assert came in (stage, SearchStage.IT)
