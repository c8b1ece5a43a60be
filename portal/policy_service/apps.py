"""The policy service's room: beside enforcement, above grants."""

from django.apps import AppConfig


class PolicyServiceConfig(AppConfig):
    """Answers to Postfix, and what was counted of them."""

    name = "portal.policy_service"
    label = "policy_service"
    verbose_name = "Policy service"

    def ready(self) -> None:
        """Wake the service on every change of a grant; show its counts on the grant's page."""
        from portal.grants import panels, publication
        from portal.policy_service.selectors import checks_now, checks_of, panel_of
        from portal.policy_service.services import announce

        publication.listen(announce)
        panels.register(panels.GrantPanel("policy_service/usage_panel.html", panel_of))
        panels.register(panels.GrantPanel("policy_service/checks_panel.html", checks_of))
        panels.register_overview(panels.OverviewPanel("policy_service/checks_panel.html", checks_now))
