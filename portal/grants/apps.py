"""The grants app: the permissions that approvals create."""

from portal.lib import registration


class GrantsConfig(registration.RegisteredApp):
    """Permissions with an owner, a term and an effect."""

    name = "portal.grants"
    verbose_name = "Grants"
