"""URLs of the webhooks app."""

from django.urls import path

from portal.webhooks import views

urlpatterns = [
    path("webhooks/", views.webhooks, name="webhooks"),
    path("webhooks/new/", views.new, name="webhook_new"),
    path("webhooks/<int:pk>/", views.webhook, name="webhook"),
    path("webhooks/<int:pk>/change/", views.change, name="webhook_change"),
    path("webhooks/<int:pk>/do/<slug:action>/", views.act, name="webhook_act"),
    path("webhooks/deliveries/<int:pk>/retry/", views.retry, name="webhook_retry"),
]
