"""URLs of the renewals app."""

from django.urls import path

from portal.renewals import queue_views, views

urlpatterns = [
    path("renewals/", queue_views.renewals, name="renewals"),
    path("renewals/runs/<int:pk>/", queue_views.run, name="renewal_run"),
    path("permissions/<str:reference>/renew/", views.renew, name="grant_renew"),
]
