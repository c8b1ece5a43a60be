"""Days, terms and business days."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.dates import BusinessCalendar, add_months, term_end

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
TEXAS = BusinessCalendar("US", "TX", frozenset({date(2026, 12, 28)}))


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 11, 23), 12, date(2027, 11, 23)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
    ],
)
def test_months_end_where_the_month_ends(start: date, months: int, expected: date) -> None:
    assert add_months(start, months) == expected


def test_a_year_ends_the_day_before_its_anniversary() -> None:
    assert term_end(date(2026, 11, 23), 12) == date(2027, 11, 22)
    assert term_end(date(2028, 2, 29), 12) == date(2029, 2, 28)
    assert term_end(date(2027, 3, 1), 12) == date(2028, 2, 29)


@given(DAYS, st.integers(1, 60))
def test_a_term_is_never_longer_than_its_months(start: date, months: int) -> None:
    assert start < term_end(start, months) <= add_months(start, months)


def test_weekends_holidays_and_closed_days_do_not_count() -> None:
    assert not TEXAS.is_business_day(date(2026, 11, 26))  # Thanksgiving
    assert not TEXAS.is_business_day(date(2026, 12, 28))  # closed by the institution
    assert TEXAS.add(date(2026, 11, 25), 1) in (date(2026, 11, 27), date(2026, 11, 30))
    assert TEXAS.add(date(2026, 11, 21), 0) == date(2026, 11, 23)


@given(DAYS, st.integers(0, 30))
def test_adding_and_counting_agree(day: date, count: int) -> None:
    start = TEXAS.add(day, 0)
    assert TEXAS.between(start, TEXAS.add(start, count)) == count
