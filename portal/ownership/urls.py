"""Addresses of the leaving room."""

from django.urls import path

from portal.ownership import views

urlpatterns = [
    path("ownerless/", views.unowned, name="unowned"),
    path("ownerless/claim/<str:token>/", views.claim, name="unowned_claim"),
    path("ownerless/<str:reference>/", views.offer, name="unowned_offer"),
]
