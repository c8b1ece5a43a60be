"""Addresses by name, where the installation has the page."""

from functools import lru_cache

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse


def url_or_none(name: str, *args: object) -> str | None:
    """The address of a page by its name, or None where the installation does not have that page."""
    if args:
        return _found(name, args)
    # Every page's frame asks for the same dozen names.
    return _remembered(name, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())


@lru_cache(maxsize=256)
def _remembered(name: str, urlconf: str, prefix: str) -> str | None:
    return _found(name, ())


def _found(name: str, args: tuple[object, ...]) -> str | None:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return None
