"""URLs of the leaving app."""

from django.urls import path

from portal.ownership import views

urlpatterns = [
    path("permissions/unowned/", views.unowned, name="unowned"),
    path("permissions/unowned/claim/<str:token>/", views.claim, name="unowned_claim"),
    path("permissions/unowned/<str:reference>/", views.offer, name="unowned_offer"),
]
