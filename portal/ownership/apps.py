"""Permissions without an owner, and how each gets a new one."""

from portal.lib import registration


class OwnershipConfig(registration.RegisteredApp):
    """Finding a new owner for permissions whose owner left."""

    name = "portal.ownership"
    # The label is older than the name: migrations, tables and permissions are filed under it.
    label = "leaving"
    verbose_name = "Ownership of permissions"
