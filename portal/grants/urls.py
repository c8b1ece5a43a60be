"""URLs of the grants app."""

from django.urls import path

from portal.grants import views

urlpatterns = [
    path("permissions/mine/", views.grants, name="grants"),
    path("enforcement/rechecks/", views.rechecks, name="rechecks"),
    path("permissions/<str:reference>/", views.detail, name="grant"),
    path("permissions/<str:reference>/do/<slug:action>/", views.act, name="grant_act"),
]
