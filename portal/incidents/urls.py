"""URLs of the incidents app."""

from django.urls import path

from portal.incidents import views

urlpatterns = [
    path("incidents/", views.incidents, name="incidents"),
    path("incidents/new/", views.new, name="incident_new"),
    path("incidents/<int:pk>/", views.incident_page, name="incident"),
    path("incidents/<int:pk>/add/", views.add, name="incident_add"),
    path("incidents/<int:pk>/close/", views.close, name="incident_close"),
]
