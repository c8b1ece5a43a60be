"""The enforcement room: what is granted, in the mail system's own formats."""

from portal.lib import registration


class EnforcementConfig(registration.RegisteredApp):
    """Exports, their manifest, and when they are written."""

    name = "portal.enforcement"
    verbose_name = "Enforcement"
