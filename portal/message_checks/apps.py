"""Makes Django find the command `check_message`; nothing else in this library needs Django."""

from django.apps import AppConfig


class MessageChecksConfig(AppConfig):
    """Message checks: the command `check_message`."""

    name = "portal.message_checks"
    label = "message_checks"
    verbose_name = "Message checks"
