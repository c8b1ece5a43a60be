"""Addresses of the calendar."""

from django.urls import URLPattern, URLResolver, path

from portal.sending_calendar import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("calendar/", views.month, name="calendar"),
    path("calendar/agenda/", views.agenda, name="calendar_agenda"),
    path("calendar/address/", views.address, name="calendar_address"),
    path("calendar/feed/<str:token>.ics", views.feed, name="calendar_feed"),
]
