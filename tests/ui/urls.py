"""The portal's addresses and the styleguide, which the portal itself has in development alone."""

from django.urls import path

from portal.ui import styleguide
from portal.urls import urlpatterns as portal

urlpatterns = [
    *portal,
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("styleguide/live/", styleguide.live, name="styleguide_live"),
]
