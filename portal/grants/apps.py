"""The grants room: what an approval leaves behind."""

from portal.lib import registration


class GrantsConfig(registration.RegisteredApp):
    """Permissions with an owner, a term and an effect."""

    name = "portal.grants"
    verbose_name = "Grants"
