"""Every address of the portal. Rooms bring their own; the core comes before the kinds."""

from django.urls import include, path

from portal import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("", include("portal.ui.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("portal.standards.urls")),
    path("", include("portal.outbox.urls")),
    path("", include("portal.workflow.urls")),
    path("", include("portal.grants.urls")),
    path("", include("portal.enforcement.urls")),
]
