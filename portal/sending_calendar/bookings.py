"""The bookings on the calendar. Each app that books days registers a source of them."""

from datetime import date
from typing import Protocol

from portal.lib.registration import ExtensionPoint
from portal.sending_calendar.windows import Booking
from portal.workflow.models import ServiceRequest


class BookingSource(Protocol):
    """A function that reads the bookings of one app from its rows."""

    def __call__(
        self, *, first: date | None = None, last: date | None = None, leave_out: ServiceRequest | None = None
    ) -> list[Booking]:
        """Return the bookings that overlap the days from `first` to `last`, both included; None sets no bound.

        `leave_out` is a request that is being checked: its own booking and that of the permission it changes are left
        out.
        """


BOOKING_SOURCES: ExtensionPoint[BookingSource] = ExtensionPoint()


def bookings(
    *, first: date | None = None, last: date | None = None, leave_out: ServiceRequest | None = None
) -> list[Booking]:
    """Return the bookings of all sources between two days, in the order of the sources (see `BookingSource`)."""
    return [
        booking
        for source in BOOKING_SOURCES
        for booking in source(first=first, last=last, leave_out=leave_out)
    ]
