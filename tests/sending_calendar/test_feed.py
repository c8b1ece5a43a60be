"""The calendar as iCalendar: all-day events that hold in every zone, across the clocks' change and the year's end."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from icalendar import Calendar

from portal.accounts.roles import Role
from portal.lib.problems import NotAllowed
from portal.sending_calendar import feed
from portal.sending_calendar.models import CalendarToken
from portal.sending_calendar.windows import Booking, Window
from tests.cast import Cast

NOW = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def booked(first: date, last: date, **facts: Any) -> Booking:
    window = Window(first, last, frozenset({"students"}), True)
    return Booking(
        "TM-C-1001",
        "Dining; how was it?, really",
        "Dining",
        "A survey",
        window,
        True,
        people="Students",
        **facts,
    )


@pytest.mark.parametrize(
    ("first", "last", "after"),
    [
        (date(2026, 11, 1), date(2026, 11, 1), date(2026, 11, 2)),  # 25 hours in Chicago
        (date(2027, 3, 14), date(2027, 3, 14), date(2027, 3, 15)),  # 23 hours
        (date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1)),
        (date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1)),
    ],
)
def test_an_event_is_whole_days_and_ends_on_the_day_after(first: date, last: date, after: date) -> None:
    body = feed.as_icalendar([booked(first, last)], now=NOW, base_url="https://portal.example")
    event: Any = next(
        entry for entry in Calendar.from_ical(body).walk("VEVENT") if "blackout" not in str(entry["uid"])
    )
    assert event["dtstart"].dt == first
    assert event["dtend"].dt == after
    assert event["dtstart"].params["VALUE"] == "DATE"  # no zone, so no zone can move it
    assert event["summary"] == "Students: Dining; how was it?, really"
    assert event["status"] == "CONFIRMED"


def test_what_was_stopped_is_not_in_the_feed_and_blackouts_are() -> None:
    body = feed.as_icalendar(
        [booked(date(2026, 11, 2), date(2026, 11, 2), takes_days=False)], now=NOW, base_url=""
    )
    uids = [str(entry["uid"]) for entry in Calendar.from_ical(body).walk("VEVENT")]
    assert uids
    assert all(uid.startswith("blackout-") for uid in uids)


@pytest.mark.django_db
def test_the_token_is_kept_as_a_hash_and_a_new_one_ends_the_old(cast: Cast) -> None:
    first = feed.give_address(actor=cast.cio)
    assert first not in str(CalendarToken.objects.values())
    assert feed.owner_of(first) == cast.cio
    second = feed.give_address(actor=cast.cio)
    assert feed.owner_of(first) is None
    assert feed.owner_of(second) == cast.cio
    feed.take_address_back(actor=cast.cio)
    assert feed.owner_of(second) is None


@pytest.mark.django_db
def test_who_left_the_office_reads_no_more(cast: Cast) -> None:
    token = feed.give_address(actor=cast.cio)
    cast.cio.groups.remove(cast.cio.groups.get(name=str(Role.CIO)))
    assert feed.owner_of(token) is None
    for person in (cast.requester, cast.reviewer, cast.auditor):
        with pytest.raises(NotAllowed):
            feed.give_address(actor=person)


@pytest.mark.django_db
def test_the_use_is_noted_once_in_ten_minutes(cast: Cast) -> None:
    token = feed.give_address(actor=cast.cio)
    start = datetime(2026, 11, 1, 1, 55, tzinfo=ZoneInfo("America/Chicago"))
    with time_machine.travel(start, tick=False) as clock:
        feed.owner_of(token)
        noted = CalendarToken.objects.get().used_at
        clock.shift(300)
        feed.owner_of(token)
        assert CalendarToken.objects.get().used_at == noted
        clock.shift(400)
        feed.owner_of(token)
        assert CalendarToken.objects.get().used_at != noted


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["x", "a" * 43, "%00", "..."])
def test_a_wrong_token_is_not_found(client: Client, token: str) -> None:
    assert client.get(f"/calendar/feed/{token}.ics").status_code in (400, 404)
