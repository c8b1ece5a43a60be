"""Addresses of the campaigns room."""

from django.urls import URLPattern, URLResolver, path

from campaigns import (
    aftermath_views,
    dashboard_views,
    desk_views,
    list_views,
    preview_views,
    views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("campaigns/", desk_views.desk, name="campaign_desk"),
    path("campaigns/dashboard/", dashboard_views.show, name="campaign_dashboard"),
    path("campaigns/delegations/", desk_views.delegations, name="campaign_delegations"),
    path("campaigns/delegations/<int:pk>/end/", desk_views.end_delegation, name="campaign_delegation_end"),
    path("campaigns/signals/", aftermath_views.enter, name="campaign_signals"),
    path("campaigns/<str:reference>/after/", aftermath_views.after, name="campaign_after"),
    path("campaigns/<str:reference>/stop/", aftermath_views.stop, name="campaign_stop"),
    path("campaigns/<str:reference>/answer/", aftermath_views.answer, name="campaign_answer"),
    path("campaigns/<str:reference>/outcome/", aftermath_views.outcome, name="campaign_outcome"),
    path("campaigns/<str:reference>/case/", views.case, name="campaign_case"),
    path("campaigns/<str:reference>/letter/", views.letter, name="campaign_letter"),
    path("campaigns/<str:reference>/letter.pdf", views.letter_pdf, name="campaign_letter_pdf"),
    path("campaigns/<str:reference>/lists/<int:pk>/", list_views.allow_again, name="campaign_allow_again"),
    path("campaigns/<str:reference>/verify/", views.verify, name="campaign_verify"),
    *preview_views.urlpatterns,
]
