"""What badges, times and terms say."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.utils import timezone

from portal.grants.states import GrantState
from portal.lib.outcome import Outcome
from portal.ui import badges, moments, term_bar
from portal.workflow.states import State

NOW = datetime(2027, 3, 10, 18, 0, tzinfo=timezone.get_fixed_timezone(0))
TODAY = date(2027, 3, 10)


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize("state", [*State, *GrantState])
def test_every_state_has_a_look_of_its_own(state: str) -> None:
    assert str(state) in badges.STATES
    assert badges.STATES[str(state)].word in render("{% state_badge state %}", state=state)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_icon_word_and_tone(outcome: Outcome) -> None:
    html = render("{% outcome_badge outcome %}", outcome=outcome)
    assert f"tone-{outcome}" in html
    assert "<svg" in html
    assert badges.OUTCOMES[outcome].word in html


def test_a_state_that_no_table_knows_is_shown_and_escaped() -> None:
    html = render("{% state_badge state %}", state="<b>odd_state")
    assert "&lt;b&gt;odd state" in html
    assert "tone-unknown" in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-20, "just now"),
        (60, "1 minute ago"),
        (3599, "1 hour ago"),
        (7200, "2 hours ago"),
        (-7200, "in 2 hours"),
        (86_400, "yesterday"),
        (-86_400, "tomorrow"),
        (3 * 86_400, "3 days ago"),
        (15 * 86_400, "Feb 23, 2027"),
    ],
)
def test_moments_in_one_unit(seconds: int, words: str) -> None:
    assert moments.in_words(NOW - timedelta(seconds=seconds), NOW) == words


def test_days_are_the_institutions_not_utcs() -> None:
    just_after_midnight_utc = datetime(2027, 3, 10, 1, 0, tzinfo=NOW.tzinfo)
    assert "Mar 9, 2027" in render("{% day at %}", at=just_after_midnight_utc)


def test_a_moment_says_its_exact_time_and_zone() -> None:
    html = render("{% when at %}", at=NOW)
    assert 'datetime="2027-03-10T12:00:00-06:00"' in html
    assert "12:00 PM CST" in html


@pytest.mark.parametrize(
    ("days", "words"),
    [(-2, "2 days overdue"), (-1, "1 day overdue"), (0, "today"), (1, "tomorrow"), (5, "in 5 days")],
)
def test_due_days_in_words(days: int, words: str) -> None:
    assert moments.due_in_words(TODAY + timedelta(days=days), TODAY) == words


def test_a_due_day_that_is_missing_or_paused() -> None:
    assert render("{% due None %}") == "—"
    assert "paused" in render("{% due day True %}", day=TODAY)


def bar(today: date) -> term_bar.TermBar:
    end = date(2027, 12, 31)
    opens = end - timedelta(days=60)
    return term_bar.lay_out(
        start=date(2027, 1, 1), end=end, today=today, reminders=[opens, end], renewal_opens=opens
    )


@pytest.mark.parametrize(
    ("today", "filled", "shown", "sentence"),
    [
        (date(2026, 12, 31), 0.0, False, "begins in 1 day"),
        (date(2027, 1, 1), 0.0, True, "364 days of the term are left"),
        (date(2027, 12, 30), 99.45, True, "1 day of the term is left. Renewal is open."),
        (date(2027, 12, 31), 99.73, True, "Today is the last day"),
        (date(2028, 1, 1), 100.0, False, "ended 1 day ago"),
    ],
)
def test_the_bar_of_a_term(today: date, filled: float, shown: bool, sentence: str) -> None:
    drawn = bar(today)
    assert drawn.filled == pytest.approx(filled, abs=0.01)
    assert (drawn.today_x is not None) is shown
    assert sentence in drawn.sentence


def test_a_term_of_one_day_has_a_bar() -> None:
    drawn = term_bar.lay_out(start=TODAY, end=TODAY, today=TODAY)
    assert drawn.today_x == 0
    assert drawn.window_x is None


def test_the_bar_is_drawn_in_plain_numbers() -> None:
    grant = SimpleNamespace(
        starts_on=timezone.localdate() - timedelta(days=7), ends_on=timezone.localdate() + timedelta(days=93)
    )
    html = render("{% term_bar grant days 60 %}", grant=grant, days=(60, 30))
    assert 'width="6.93%"' in html
    assert html.count('class="term-tick') == 2 + 1  # two reminders and the legend's


def test_references_clauses_and_terms_are_escaped() -> None:
    html = render("{{ x|reference }}{{ x|clause_link }}{% term x %}{% copy_button x %}", x='"><script>')
    assert "<script>" not in html


def test_initials() -> None:
    assert render("{{ 'Maria de la Ortiz'|initials }} {{ 'Cher'|initials }} {{ ''|initials }}") == "MO C "
