"""URLs of the relay app."""

from django.urls import path

from relay import views

urlpatterns = [path("relay/consent/<int:pk>/", views.consent, name="relay_consent")]
