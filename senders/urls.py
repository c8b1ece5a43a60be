"""Addresses of the DNS team's pages."""

from django.urls import URLPattern, URLResolver, path

from senders import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("dns-records/", views.dns_records, name="dns_records"),
    path("dns-records/files/<str:name>", views.dns_file, name="dns_file"),
    path("dns-records/<int:pk>/confirm/", views.confirm, name="dns_record_confirm"),
]
