"""URLs of the enforcement app."""

from django.urls import path

from portal.enforcement import held_views, host_views, token_views, views

urlpatterns = [
    path("enforcement/", views.enforcement, name="enforcement"),
    path("enforcement/held/<int:pk>/", held_views.held_change, name="held_change"),
    path("enforcement/date/", held_views.confirm_date, name="confirm_date"),
    path("enforcement/tokens/", token_views.tokens, name="host_tokens"),
    path("enforcement/tokens/<int:pk>/revoke/", token_views.revoke, name="host_token_revoke"),
    path("export/v1/<slug:target>", host_views.export, name="export"),
    path("export/v1/<slug:target>/receipts", host_views.receipts, name="export_receipts"),
    path("export/v1/<slug:target>/manifest", host_views.manifest, name="export_manifest"),
]
