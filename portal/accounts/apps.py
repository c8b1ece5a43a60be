"""The accounts room: people, their roles, and sign-in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users with their e-mail address as the login name."""

    name = "portal.accounts"
    verbose_name = "Accounts"
