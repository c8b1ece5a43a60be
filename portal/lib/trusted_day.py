"""The day for which scheduled jobs act: today, or the last day that was in order while today's date is in doubt.

An app above keeps that day and answers here, so that every app may ask.
"""

from collections.abc import Callable
from datetime import date

from django.utils import timezone

from portal.lib.registration import ExtensionPoint

TRUSTED_DAYS: ExtensionPoint[Callable[[], date]] = ExtensionPoint()
"""The provider of the last trusted day."""


def trusted_day() -> date:
    """The day in the institution's zone for which a job may write. Not to be called inside a snapshot."""
    return min((answer() for answer in TRUSTED_DAYS), default=timezone.localdate())
