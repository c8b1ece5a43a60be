"""The campaigns room: the Office of the CIO signs off one message to one audience in one window."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaign and survey requests (MKT-1 to MKT-5)."""

    name = "campaigns"
    verbose_name = "Campaigns and surveys"

    def ready(self) -> None:
        """Register the kind, what it shows on its grants' pages, and its checks on the command line."""
        from campaigns.kind import CampaignsKind
        from campaigns.messages.command import CAMPAIGN_CHECK
        from campaigns.panels import VERIFY
        from portal.grants import panels
        from portal.mailauth.management import message_checks
        from portal.workflow import registry

        registry.register(CampaignsKind())
        panels.register(VERIFY)
        message_checks.register(CAMPAIGN_CHECK)
