"""URLs of the standards app."""

from django.urls import path

from portal.standards import views

urlpatterns = [
    path("standards/", views.standards, name="standards"),
    path("glossary/", views.glossary, name="glossary"),
]
