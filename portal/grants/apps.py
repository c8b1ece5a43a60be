"""The grants room: what an approval leaves behind."""

from django.apps import AppConfig


class GrantsConfig(AppConfig):
    """Permissions with an owner, a term and an effect."""

    name = "portal.grants"
    verbose_name = "Grants"

    def ready(self) -> None:
        """Show drift above the queue, and its records on the grant's page."""
        from portal.grants import panels as grant_panels
        from portal.grants.compliance import drifting_grants
        from portal.grants.records import broken_records
        from portal.grants.selectors import offers_to
        from portal.workflow import panels

        panels.register_for_home(panels.Panel("grants/offers_panel.html", offers_to))
        panels.register(panels.Panel("grants/drift_panel.html", drifting_grants))
        grant_panels.register(grant_panels.GrantPanel("grants/records_panel.html", broken_records))
