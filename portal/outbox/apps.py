"""The outbox app: email as rows beside the change, delivered later."""

from portal.lib import registration


class OutboxConfig(registration.RegisteredApp):
    """Writes an email in the transaction of the change; a job delivers it."""

    name = "portal.outbox"
    verbose_name = "Outbound email"
