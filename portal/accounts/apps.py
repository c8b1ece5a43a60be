"""The accounts app: people, their roles, and sign-in."""

from portal.lib import registration


class AccountsConfig(registration.RegisteredApp):
    """Users with their email address as the login name."""

    name = "portal.accounts"
    verbose_name = "Accounts"
