"""Addresses of the senders room."""

from django.urls import path

from senders import views

urlpatterns = [
    path("senders/<str:reference>/samples/", views.samples_page, name="sender_samples"),
    path("senders/<str:reference>/samples/judge/", views.judge, name="sender_samples_judge"),
    path("senders/<str:reference>/samples/<int:pk>/", views.download, name="sender_sample_file"),
]
