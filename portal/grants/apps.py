"""The grants room: what an approval leaves behind."""

from django.apps import AppConfig


class GrantsConfig(AppConfig):
    """Permissions with an owner, a term and an effect."""

    name = "portal.grants"
    verbose_name = "Grants"

    def ready(self) -> None:
        """Show drift above the queue."""
        from portal.grants.compliance import drifting_grants
        from portal.workflow import panels

        panels.register(panels.Panel("grants/drift_panel.html", drifting_grants))
