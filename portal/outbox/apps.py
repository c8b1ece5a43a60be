"""The outbox room: mail as rows beside the change, delivered later."""

from portal.lib import registration


class OutboxConfig(registration.RegisteredApp):
    """A row is written with the change it tells of; a sweep delivers it."""

    name = "portal.outbox"
    verbose_name = "Outbound email"
