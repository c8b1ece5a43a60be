"""Addresses of the design system. The styleguide is for development alone."""

from django.conf import settings
from django.urls import path

from portal.ui import views

urlpatterns = [
    path("brand.css", views.brand_css, name="brand_css"),
    path("favicon.svg", views.favicon, name="favicon"),
]

if settings.DEBUG:
    from portal.ui import styleguide

    urlpatterns += [
        path("styleguide/", styleguide.styleguide, name="styleguide"),
        path("styleguide/live/", styleguide.live, name="styleguide_live"),
    ]
