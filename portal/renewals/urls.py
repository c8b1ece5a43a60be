"""Addresses of the renewals room."""

from django.urls import path

from portal.renewals import desk_views, views

urlpatterns = [
    path("renewals/", desk_views.renewals, name="renewals"),
    path("renewals/runs/<int:pk>/", desk_views.run, name="renewal_run"),
    path("grants/<str:reference>/renew/", views.renew, name="grant_renew"),
]
