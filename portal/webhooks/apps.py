"""The webhooks app: signed events for other programs, with retries."""

from portal.lib import registration


class WebhooksConfig(registration.RegisteredApp):
    """Writes events in the transaction of the change; a job delivers them."""

    name = "portal.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"
