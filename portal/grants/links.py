"""The URL of a grant's page, for texts outside the portal."""

from django.conf import settings

from portal.ui.links import path_of


def public_page(reference: str) -> str:
    """The URL of the page on which the grant can be read and renewed."""
    return f"{settings.PUBLIC_URL}{path_of('grant', reference)}"
