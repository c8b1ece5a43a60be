"""The incidents room: above grants, beside enforcement."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """One reason, many suspensions, each resumed by itself (MKT-3)."""

    name = "portal.incidents"
    label = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        """Name an open incident on the pages of its permissions."""
        from portal.grants import panels
        from portal.incidents.selectors import panel_of

        panels.register(panels.GrantPanel("incidents/grant_panel.html", panel_of))
