"""URLs of the samples app."""

from django.urls import path

from portal.samples import views

urlpatterns = [
    path("enforcement/unproven/", views.unproven, name="unproven"),
    path("requests/<str:reference>/samples/", views.samples_page, name="samples"),
    path("requests/<str:reference>/samples/judge/", views.judge, name="samples_judge"),
    path("requests/<str:reference>/samples/<int:pk>/", views.download, name="sample_file"),
]
