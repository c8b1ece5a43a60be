"""The outbox room: mail as rows beside the change, delivered later."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """A row is written with the change it tells of; a sweep delivers it."""

    name = "portal.outbox"
    verbose_name = "Mail out"
