"""Addresses of the API and of its pages."""

from django.urls import path

from portal.api import views
from portal.api.v1 import api

urlpatterns = [
    path("api/docs/", views.docs, name="api_docs"),
    path("api/tokens/", views.tokens, name="api_tokens"),
    path("api/tokens/<int:pk>/revoke/", views.revoke, name="api_token_revoke"),
    path("api/v1/", api.urls),
]
