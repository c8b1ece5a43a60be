"""The enforcement room: what is granted, in the mail system's own formats."""

from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    """Exports, their manifest, and when they are written."""

    name = "portal.enforcement"
    verbose_name = "Enforcement"

    def ready(self) -> None:
        """Hear of every change of a grant; show on its page where it is live."""
        from portal.enforcement.liveness import panel_of
        from portal.enforcement.services import mark_changed
        from portal.grants import panels, publication

        publication.listen(mark_changed)
        panels.register(panels.GrantPanel("enforcement/live_panel.html", panel_of))
