"""Lists the room in INSTALLED_APPS, for its command; nothing else here knows Django."""

from django.apps import AppConfig


class MailauthConfig(AppConfig):
    """Mail authentication: the command `check_domain`."""

    name = "portal.mailauth"
    label = "mailauth"
    verbose_name = "Mail authentication"
