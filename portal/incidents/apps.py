"""The incidents room: above grants, beside enforcement."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """One reason, many suspensions, each resumed by itself (MKT-3)."""

    name = "portal.incidents"
    label = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        """Name an open incident on the pages of its permissions, and of requests that would allow what it is about."""
        from portal.grants import panels
        from portal.incidents.selectors import incidents_against, panel_of
        from portal.workflow import panels as request_panels

        panels.register(panels.GrantPanel("incidents/grant_panel.html", panel_of))
        request_panels.register_for_requests(
            request_panels.RequestPanel("incidents/request_panel.html", incidents_against)
        )
