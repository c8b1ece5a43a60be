"""Addresses of the renewals room."""

from django.urls import path

from portal.renewals import views

urlpatterns = [
    path("grants/<str:reference>/renew/", views.renew, name="grant_renew"),
]
