"""Addresses of the enforcement room."""

from django.urls import path

from portal.enforcement import views

urlpatterns = [path("in-force/", views.in_force, name="in_force")]
