"""Addresses of the first version, which stand in emails and bookmarks. Each leads to the page's address of today."""

from django.urls import URLPattern, path

from portal.ui.moved import moved_to

urlpatterns: list[URLPattern] = [
    path("ask/", moved_to("guide")),
    path("ask/<slug:kind_key>/", moved_to("start")),
    path("grants/", moved_to("grants")),
    path("grants/<str:reference>/", moved_to("grant")),
    path("grants/<str:reference>/renew/", moved_to("grant_renew")),
    path("grants/<str:reference>/do/<slug:action>/", moved_to("grant_act")),
    path("ownerless/", moved_to("unowned")),
    path("ownerless/claim/<str:token>/", moved_to("unowned_claim")),
    path("ownerless/<str:reference>/", moved_to("unowned_offer")),
    path("in-force/", moved_to("enforcement")),
    path("in-force/rechecks/", moved_to("rechecks")),
    path("in-force/unproven/", moved_to("unproven")),
    path("in-force/held/<int:pk>/", moved_to("held_change")),
    path("in-force/date/", moved_to("confirm_date")),
    path("in-force/tokens/", moved_to("host_tokens")),
    path("in-force/tokens/<int:pk>/revoke/", moved_to("host_token_revoke")),
]
