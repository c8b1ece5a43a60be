"""The webhooks room: other programs are told of decisions, of ends and of drift, signed and retried."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Rows are written with the change they tell of; a sweep delivers them."""

    name = "portal.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        """Hear what happens to requests, to grants and on mail hosts."""
        from portal.enforcement.announcements import host_drifted
        from portal.grants.announcements import grant_changed
        from portal.webhooks import recording
        from portal.workflow.announcements import request_moved

        request_moved.listen(recording.of_request)
        grant_changed.listen(recording.of_grant)
        host_drifted.listen(recording.of_drift)
