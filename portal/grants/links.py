"""The full address of a grant's page, for texts that leave the portal."""

from django.conf import settings

from portal.ui.links import path_of


def public_page(reference: str) -> str:
    """Where the grant can be read and renewed."""
    return f"{settings.PUBLIC_URL}{path_of('grant', reference)}"
