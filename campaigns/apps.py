"""The campaigns room: the Office of the CIO signs off one message to one audience in one window."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaign and survey requests (MKT-1 to MKT-5)."""

    name = "campaigns"
    verbose_name = "Campaigns and surveys"

    def ready(self) -> None:
        """Offer the checks of a message to many on the command line."""
        from campaigns.messages.command import CAMPAIGN_CHECK
        from portal.mailauth.management import message_checks

        message_checks.register(CAMPAIGN_CHECK)
