"""Addresses of people's own pages; signing in is allauth's."""

from django.urls import path

from portal.accounts import views

urlpatterns = [path("settings/", views.settings_page, name="settings")]
