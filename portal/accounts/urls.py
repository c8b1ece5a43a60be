"""URLs of people's own pages; allauth has those for signing in."""

from django.urls import path

from portal.accounts import views

urlpatterns = [path("settings/", views.settings_page, name="settings")]
