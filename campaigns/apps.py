"""The campaigns app: the Office of the CIO approves one message to one audience in one window."""

from portal.lib import registration


class CampaignsConfig(registration.RegisteredApp):
    """Campaign and survey requests (MKT-1 to MKT-5)."""

    name = "campaigns"
    verbose_name = "Campaigns and surveys"
