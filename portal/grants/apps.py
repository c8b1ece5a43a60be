"""The grants room: what an approval leaves behind."""

from django.apps import AppConfig


class GrantsConfig(AppConfig):
    """Permissions with an owner, a term and an effect."""

    name = "portal.grants"
    verbose_name = "Grants"
