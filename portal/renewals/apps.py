"""The renewals app: renewals in one step, and approved together."""

from portal.lib import registration


class RenewalsConfig(registration.RegisteredApp):
    """Renewals: confirmed in one step, classified by their facts, decided many at once."""

    name = "portal.renewals"
    label = "renewals"
    verbose_name = "Renewals"
