"""The whitelist app: a vendor's address skips the content filter, for a year."""

from portal.lib import registration


class WhitelistConfig(registration.RegisteredApp):
    """Whitelist requests (WHT-0 to WHT-6)."""

    name = "whitelist"
    verbose_name = "Whitelist"
