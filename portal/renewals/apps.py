"""The renewals room: above grants and the policy service, below the kinds."""

from django.apps import AppConfig


class RenewalsConfig(AppConfig):
    """Renewals: confirmed in one step, judged by their facts, decided many at once."""

    name = "portal.renewals"
    label = "renewals"
    verbose_name = "Renewals"

    def ready(self) -> None:
        """Have a say in the route of renewals; show on their pages what changed."""
        from portal.grants import renewing
        from portal.renewals.selectors import panel_of
        from portal.renewals.services import judging
        from portal.workflow import panels

        renewing.register(renewing.RenewalJudge(judging.judge, judging.is_short))
        panels.register_for_requests(panels.RequestPanel("renewals/request_panel.html", panel_of))
