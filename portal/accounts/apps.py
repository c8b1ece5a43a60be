"""The accounts room: people, their roles, and sign-in."""

from portal.lib import registration


class AccountsConfig(registration.RegisteredApp):
    """Users with their e-mail address as the login name."""

    name = "portal.accounts"
    verbose_name = "Accounts"
