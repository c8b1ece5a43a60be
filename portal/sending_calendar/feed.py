"""The calendar as iCalendar (RFC 5545), at a personal address of whose token only the hash is stored."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from icalendar import Calendar, Event

from portal.accounts.roles import Role
from portal.institution import Blackout, institution
from portal.lib.problems import NotAllowed
from portal.lib.tokens import digest_of, new_token
from portal.sending_calendar.labels import population_labels
from portal.sending_calendar.models import CalendarToken
from portal.sending_calendar.windows import Booking

if TYPE_CHECKING:
    from datetime import date

    from portal.accounts.models import User

_NOTED_EVERY = timedelta(minutes=10)


def may_subscribe(actor: "User") -> bool:
    """Whether `actor` may have an address of the feed: the CIO office."""
    return actor.has_role(Role.CIO)


@transaction.atomic
def give_address(*, actor: "User") -> str:
    """Create a token for `actor`, which replaces the one before, and return it. It cannot be read again.

    Raises NotAllowed.
    """
    if not may_subscribe(actor):
        raise NotAllowed(f"The calendar address is for the {institution().cio_office}.")
    token, digest, _ = new_token()
    CalendarToken.objects.update_or_create(
        person=actor,
        defaults={"token_sha256": digest, "created_at": timezone.now(), "used_at": None},
    )
    return token


def take_address_back(*, actor: "User") -> None:
    """Delete the actor's own address, if there is one."""
    CalendarToken.objects.filter(person=actor).delete()


def owner_of(token: str) -> "User | None":
    """Return whose token it is, and record its use; None if it is unknown or its owner may not read the feed now."""
    row = CalendarToken.objects.select_related("person").filter(token_sha256=digest_of(token)).first()
    if row is None or not may_subscribe(row.person):
        return None
    now = timezone.now()
    if row.used_at is None or now - row.used_at > _NOTED_EVERY:
        CalendarToken.objects.filter(pk=row.pk).update(used_at=now)
    return row.person


def as_icalendar(bookings: list[Booking], *, now: datetime, base_url: str) -> bytes:
    """Return bookings and blackouts as all-day events in iCalendar octets; they are the same days in every time zone.

    `now` is the time stamp of the events, `base_url` the address of the portal for their links.
    """
    place = institution()
    feed = Calendar()
    feed.add("prodid", f"-//{place.product}//campaigns//EN")
    feed.add("version", "2.0")
    feed.add("x-wr-calname", f"{place.short_name} campaigns")
    feed.add("refresh-interval", timedelta(hours=6), parameters={"VALUE": "DURATION"})
    for booking in bookings:
        if booking.takes_days:
            feed.add_component(_campaign(booking, now, base_url))
    for blackout in place.blackouts:
        feed.add_component(_blackout(blackout, now))
    return bytes(feed.to_ical())


def _campaign(booking: Booking, now: datetime, base_url: str) -> Event:
    people = booking.people
    event = _all_day(
        f"{booking.reference}@{institution().mail_domain}", booking.starts_on, booking.ends_on, now
    )
    event.add("summary", f"{people}: {booking.title or booking.kind_label}")
    event.add("description", f"{booking.kind_label}, {booking.unit}. {booking.reference}")
    event.add("status", "CONFIRMED" if booking.is_approved else "TENTATIVE")
    event.add("categories", [people])
    event.add("url", f"{base_url}/requests/{booking.reference}/")
    return event


def _blackout(blackout: Blackout, now: datetime) -> Event:
    uid = f"blackout-{blackout.starts}@{institution().mail_domain}"
    event = _all_day(uid, blackout.starts, blackout.ends, now)
    people = population_labels(frozenset(blackout.populations)) if blackout.populations else "Everybody"
    event.add("summary", f"No campaigns: {blackout.label} ({people})")
    event.add("categories", ["Blackout"])
    return event


def _all_day(uid: str, starts: "date", ends: "date", now: datetime) -> Event:
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", now)
    event.add("dtstart", starts)
    event.add(
        "dtend", ends + timedelta(days=1)
    )  # RFC 5545 section 3.6.1: the end is the day after the last one.
    event.add("transp", "TRANSPARENT")
    return event
