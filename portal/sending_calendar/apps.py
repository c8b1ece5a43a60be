"""The calendar app: its pages, its feed and the arithmetic of windows."""

from portal.lib import registration


class SendingCalendarConfig(registration.RegisteredApp):
    """The calendar of mailings and surveys (MKT-4, MKT-5)."""

    name = "portal.sending_calendar"
    label = "sending_calendar"
    verbose_name = "Calendar of mailings and surveys"
