"""The relay app: a system may relay as named senders, for a year."""

from portal.lib import registration


class RelayConfig(registration.RegisteredApp):
    """SMTP relay requests (REL-0 to REL-3, WKS-1)."""

    name = "relay"
    verbose_name = "SMTP relay"
