"""Every address of the portal. Apps bring their own in a module `urls`; the core comes before the kinds."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import module_has_submodule

from portal import health
from portal.accounts.views import no_sign_up, own_address
from portal.lib.registration import RegisteredApp

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
urlpatterns += [
    path("", include(f"{config.name}.urls"))
    for config in apps.get_app_configs()
    if isinstance(config, RegisteredApp)
    and not config.name.startswith("portal.")
    and module_has_submodule(config.module, "urls")
]
