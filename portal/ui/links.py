"""Addresses by name, where the installation has the page."""

import re
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


_PLAIN = re.compile(r"[A-Za-z0-9._-]+").fullmatch


def path_of(name: str, reference: str) -> str:
    """The path of the page `name` of one reference. Lists and exports ask by the thousand, and resolving is slow."""
    if not _PLAIN(reference):  # Never so with the portal's own references; reverse() quotes it.
        return reverse(name, args=[reference])
    before, after = _around(name, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())
    return f"{before}{reference}{after}"


@lru_cache(maxsize=64)
def _around(name: str, urlconf: str, prefix: str) -> tuple[str, str]:
    before, _, after = reverse(name, args=["REFERENCE"]).partition("REFERENCE")
    return before, after
