"""The webhooks room: other programs are told of decisions, of ends and of drift, signed and retried."""

from portal.lib import registration


class WebhooksConfig(registration.RegisteredApp):
    """Rows are written with the change they tell of; a sweep delivers them."""

    name = "portal.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"
