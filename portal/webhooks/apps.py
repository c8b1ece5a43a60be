"""The webhooks app: signed events for other programs, with retries."""

from portal.lib import registration


class WebhooksConfig(registration.RegisteredApp):
    """Rows are written with the change they tell of; a sweep delivers them."""

    name = "portal.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"
