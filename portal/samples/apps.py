"""The room of signed samples: probe addresses, the receiver, and the judgement of what came."""

from portal.lib import registration


class SamplesConfig(registration.RegisteredApp):
    """Signed samples of every kind that wants them."""

    name = "portal.samples"
    verbose_name = "Signed samples"
