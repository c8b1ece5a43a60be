"""Every address of the portal. Apps bring their own; the core comes before the kinds."""

from django.urls import URLPattern, URLResolver, include, path

from portal import health
from portal.accounts.views import no_sign_up, own_address
from portal.workflow import registry

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/email/", own_address, name="own_address"),
    path("accounts/3rdparty/signup/", no_sign_up, name="no_sign_up"),
    path("accounts/", include("allauth.urls")),
    path("", include("portal.old_urls")),
    path("", include("portal.ui.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("portal.standards.urls")),
    path("", include("portal.outbox.urls")),
    path("", include("portal.workflow.urls")),
    path("", include("portal.api.urls")),
    path("", include("portal.renewals.urls")),
    path("", include("portal.ownership.urls")),  # before grants: `permissions/unowned/` is no reference
    path("", include("portal.grants.urls")),
    path("", include("portal.samples.urls")),
    path("", include("portal.incidents.urls")),
    path("", include("portal.enforcement.urls")),
    path("", include("portal.webhooks.urls")),
    path("", include("portal.sending_calendar.urls")),
]
for kind in registry.kinds():
    urlpatterns += kind.urls()
