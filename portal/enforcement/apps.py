"""The enforcement app: permissions in the mail system's own formats."""

from portal.lib import registration


class EnforcementConfig(registration.RegisteredApp):
    """Exports, releases, and mail hosts."""

    name = "portal.enforcement"
    verbose_name = "Enforcement"
