"""The full address of a grant's page, for texts that leave the portal by the thousand."""

import re
from functools import cache

from django.conf import settings
from django.urls import reverse

_PLAIN = re.compile(r"[A-Za-z0-9._-]+").fullmatch


def public_page(reference: str) -> str:
    """Where the grant can be read and renewed."""
    if not _PLAIN(reference):  # Never so with the portal's own references.
        return f"{settings.PUBLIC_URL}{reverse('grant', args=[reference])}"
    before, after = _page()
    return f"{settings.PUBLIC_URL}{before}{reference}{after}"


@cache
def _page() -> tuple[str, str]:
    # Working a path out costs more than the rest of a line; the plain references differ in one place only.
    before, _, after = reverse("grant", args=["REFERENCE"]).partition("REFERENCE")
    return before, after
