"""What the frame needs from the server besides pages: the institution's color and the tab's icon."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from portal.institution import institution


@login_not_required
@require_safe
@cache_control(public=True, max_age=86_400)
def brand_css(request: HttpRequest) -> HttpResponse:
    """The one style that comes from configuration. A style sheet, since the policy allows no inline style."""
    return HttpResponse(f":root {{ --brand: {institution().brand_color}; }}\n", content_type="text/css")


@login_not_required
@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """The product's mark in the institution's color."""
    return render(
        request, "brand/favicon.svg", {"color": institution().brand_color}, content_type="image/svg+xml"
    )
