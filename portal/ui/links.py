"""Addresses by name, where the installation has the page."""

from django.urls import NoReverseMatch, reverse


def url_or_none(name: str, *args: object) -> str | None:
    """The address of a page by its name, or None where the installation does not have that page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return None
