"""URLs of the outbox app."""

from django.urls import path

from portal.outbox import views

urlpatterns = [
    path("outbox/", views.outbox, name="outbox"),
    path("outbox/mail/", views.dev_mail, name="dev_mail"),
    path("outbox/<int:pk>/", views.act, name="outbox_act"),
]
