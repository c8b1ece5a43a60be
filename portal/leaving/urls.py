"""Addresses of the leaving room."""

from django.urls import path

from portal.leaving import views

urlpatterns = [
    path("ownerless/", views.ownerless, name="ownerless"),
    path("ownerless/claim/<str:token>/", views.claim, name="ownerless_claim"),
    path("ownerless/<str:reference>/", views.offer, name="ownerless_offer"),
]
