"""Addresses of the grants room."""

from django.urls import path

from portal.grants import views

urlpatterns = [
    path("grants/", views.grants, name="grants"),
    path("in-force/rechecks/", views.rechecks, name="rechecks"),
    path("grants/<str:reference>/", views.detail, name="grant"),
    path("grants/<str:reference>/do/<slug:action>/", views.act, name="grant_act"),
]
