"""The campaigns room: the Office of the CIO signs off one message to one audience in one window."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaign and survey requests (MKT-1 to MKT-5)."""

    name = "campaigns"
    verbose_name = "Campaigns and surveys"
