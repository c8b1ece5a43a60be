"""Addresses of the engine's screens."""

from django.urls import path

from portal.workflow.views import acting, evidence, new_request, reading

urlpatterns = [
    path("", reading.home, name="home"),
    path("new/", new_request.guide, name="guide"),
    path("new/<slug:kind_key>/", new_request.start, name="start"),
    path("search/", reading.search, name="search"),
    path("queue/", reading.queue, name="queue"),
    path("requests/", reading.requests, name="requests"),
    path("requests/<str:reference>/", reading.detail, name="request"),
    path("requests/<str:reference>/answers/", new_request.answers, name="request_answers"),
    path("requests/<str:reference>/receipt/", new_request.receipt, name="request_receipt"),
    path("requests/<str:reference>/edit/<slug:key>/", new_request.step, name="request_step"),
    path("requests/<str:reference>/edit/<slug:key>/save/", new_request.autosave, name="request_autosave"),
    path(
        "requests/<str:reference>/edit/<slug:key>/check/<slug:field>/",
        new_request.check_field,
        name="request_check",
    ),
    path("requests/<str:reference>/do/<slug:action>/", acting.act, name="request_act"),
    path("requests/<str:reference>/recheck/", evidence.recheck, name="request_recheck"),
    path("requests/<str:reference>/accept/", acting.accept_part, name="request_accept_part"),
    path("requests/<str:reference>/take-over/", acting.take_over, name="request_take_over"),
    path("requests/<str:reference>/waive/", acting.waive, name="request_waive"),
    path("requests/<str:reference>/files/", acting.upload, name="request_upload"),
    path("requests/<str:reference>/files/<int:pk>/", acting.download, name="request_file"),
    path("requests/<str:reference>/files/<int:pk>/remove/", acting.remove_file, name="request_file_remove"),
]
