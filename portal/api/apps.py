"""The API app: `/api/v1/` for programs."""

from portal.lib import registration


class ApiConfig(registration.RegisteredApp):
    """Service accounts, and what they may ask and file."""

    name = "portal.api"
    label = "api"
    verbose_name = "API"
