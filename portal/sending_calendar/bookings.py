"""What stands on the calendar, as the apps above it tell: each registers a source."""

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
        """The bookings that touch the days from `first` to `last`, both included; None sets no bound.

        `leave_out` is a request that is being checked: neither its own booking is returned, nor that of the permission
        it came from.
        """


BOOKING_SOURCES: ExtensionPoint[BookingSource] = ExtensionPoint()


def bookings(
    *, first: date | None = None, last: date | None = None, leave_out: ServiceRequest | None = None
) -> list[Booking]:
    """The bookings of all sources between two days, in the order of the sources."""
    return [
        booking
        for source in BOOKING_SOURCES
        for booking in source(first=first, last=last, leave_out=leave_out)
    ]
