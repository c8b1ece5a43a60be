"""Addresses of campaigns."""

from django.urls import URLPattern, URLResolver, path

from campaigns import (
    dashboard_views,
    list_views,
    post_approval_views,
    preview_views,
    queue_views,
    views,
)
from portal.ui.moved import moved_to

urlpatterns: list[URLPattern | URLResolver] = [
    path("campaigns/", queue_views.queue, name="campaign_queue"),
    path("campaigns/dashboard/", dashboard_views.show, name="campaign_dashboard"),
    path("campaigns/delegations/", queue_views.delegations, name="campaign_delegations"),
    path("campaigns/delegations/<int:pk>/end/", queue_views.end_delegation, name="campaign_delegation_end"),
    path("campaigns/consent/<int:pk>/", views.consent, name="campaign_consent"),
    path("campaigns/complaint-metrics/", post_approval_views.enter, name="campaign_complaint_metrics"),
    path("campaigns/<str:reference>/delivery/", post_approval_views.delivery, name="campaign_delivery"),
    path("campaigns/<str:reference>/stop/", post_approval_views.stop, name="campaign_stop"),
    path(
        "campaigns/<str:reference>/stop-decision/", post_approval_views.decide, name="campaign_stop_decision"
    ),
    path("campaigns/<str:reference>/results/", post_approval_views.results, name="campaign_results"),
    path("campaigns/<str:reference>/overview/", views.overview, name="campaign_overview"),
    path("campaigns/<str:reference>/letter/", views.letter, name="campaign_letter"),
    path("campaigns/<str:reference>/letter.pdf", views.letter_pdf, name="campaign_letter_pdf"),
    path("campaigns/<str:reference>/lists/<int:pk>/", list_views.allow_again, name="campaign_allow_again"),
    path("campaigns/<str:reference>/verify/", views.verify, name="campaign_verify"),
    *preview_views.urlpatterns,
    # Old addresses, which stand in emails and bookmarks.
    path("campaigns/signals/", moved_to("campaign_complaint_metrics")),
    path("campaigns/<str:reference>/after/", moved_to("campaign_delivery")),
    path("campaigns/<str:reference>/answer/", moved_to("campaign_stop_decision")),
    path("campaigns/<str:reference>/outcome/", moved_to("campaign_results")),
    path("campaigns/<str:reference>/case/", moved_to("campaign_overview")),
]
