"""Addresses of the DNS team's pages, and of the page on which people agree to the use of their mailbox."""

from django.urls import URLPattern, URLResolver, path

from senders import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("senders/consent/<int:pk>/", views.consent, name="senders_consent"),
    path("dns-records/", views.dns_records, name="dns_records"),
    path("dns-records/files/<str:name>", views.dns_file, name="dns_file"),
    path("dns-records/<int:pk>/confirm/", views.confirm, name="dns_record_confirm"),
]
