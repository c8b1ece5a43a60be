"""Lists the room in INSTALLED_APPS, for its two commands; nothing else here knows Django."""

from django.apps import AppConfig


class MailauthConfig(AppConfig):
    """Mail authentication: the commands `check_domain` and `check_message`."""

    name = "portal.mailauth"
    label = "mailauth"
    verbose_name = "Mail authentication"
