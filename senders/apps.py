"""The senders app: a vendor's service sends as one of our domains, once its DKIM signature is proven."""

from portal.lib import registration


class SendersConfig(registration.RegisteredApp):
    """Intended Use of Technology: sender authorizations (AUT-0 to AUT-3, OVR-4)."""

    name = "senders"
    verbose_name = "Sender authorizations"
