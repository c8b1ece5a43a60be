"""The samples app: probe addresses, the receiver, and the check of messages."""

from portal.lib import registration


class SamplesConfig(registration.RegisteredApp):
    """Signed samples of every kind that wants them."""

    name = "portal.samples"
    verbose_name = "Signed samples"
