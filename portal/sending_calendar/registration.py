"""What the calendar adds to other apps."""

from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(NavigationEntry("Calendar", "calendar", "calendar-days", 70)),
)
