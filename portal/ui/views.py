"""What the frame needs from the server besides pages: the institution's colour and the tab's icon."""

import re
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from portal.institution import institution

_COLOUR: Final = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE | re.ASCII)


def brand_colour() -> str:
    """The institution's colour as #rgb or #rrggbb; anything else could break out of the style sheet."""
    colour = institution().brand_colour
    if not _COLOUR.fullmatch(colour):
        raise ImproperlyConfigured("brand_colour must be a colour such as #cc0000.")
    return colour


@login_not_required
@require_safe
@cache_control(public=True, max_age=86_400)
def brand_css(request: HttpRequest) -> HttpResponse:
    """The one style that comes from configuration. A style sheet, since the policy allows no inline style."""
    return HttpResponse(f":root {{ --brand: {brand_colour()}; }}\n", content_type="text/css")


@login_not_required
@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """The product's mark in the institution's colour."""
    return render(request, "brand/favicon.svg", {"colour": brand_colour()}, content_type="image/svg+xml")
