"""The enforcement room: what is granted, in the mail system's own formats."""

from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    """Exports, their manifest, and when they are written."""

    name = "portal.enforcement"
    verbose_name = "Enforcement"

    def ready(self) -> None:
        """Hear of every change of a grant; show on its page where it is live."""
        from portal.enforcement.liveness import carries, panel_of, status_of_request, statuses
        from portal.enforcement.services import mark_changed
        from portal.grants import panels, publication
        from portal.workflow import panels as request_panels

        publication.listen(mark_changed)
        publication.answer_by(statuses, carries=carries)
        panels.register(panels.GrantPanel("enforcement/live_panel.html", panel_of))
        request_panels.register_for_requests(
            request_panels.RequestPanel("enforcement/request_panel.html", status_of_request)
        )
