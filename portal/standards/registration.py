"""What this app adds to others."""

from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(NavigationEntry("Standards", "standards", "book-open", 90)),
)
