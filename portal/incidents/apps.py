"""The incidents room: above grants, beside enforcement."""

from portal.lib import registration


class IncidentsConfig(registration.RegisteredApp):
    """One reason, many suspensions, each resumed by itself (MKT-3)."""

    name = "portal.incidents"
    label = "incidents"
    verbose_name = "Incidents"
