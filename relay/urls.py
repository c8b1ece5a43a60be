"""Addresses of the relay room."""

from django.urls import path

from relay import views

urlpatterns = [path("relay/consent/<int:pk>/", views.consent, name="relay_consent")]
