"""The API's room: above grants, enforcement and renewals."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Service accounts, and what they may ask and file."""

    name = "portal.api"
    label = "api"
    verbose_name = "API"
