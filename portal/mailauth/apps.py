"""Lists the app in INSTALLED_APPS, for its commands; nothing else here uses Django."""

from django.apps import AppConfig


class MailauthConfig(AppConfig):
    """Mail authentication: the command `check_domain`."""

    name = "portal.mailauth"
    label = "mailauth"
    verbose_name = "Mail authentication"
