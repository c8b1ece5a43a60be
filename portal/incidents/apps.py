"""The incidents app: suspends many permissions at once."""

from portal.lib import registration


class IncidentsConfig(registration.RegisteredApp):
    """One reason suspends many permissions; each is resumed on its own (MKT-3)."""

    name = "portal.incidents"
    label = "incidents"
    verbose_name = "Incidents"
