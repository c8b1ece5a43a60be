"""What this app adds to others."""

from portal.enforcement.announcements import host_drifted
from portal.grants.announcements import grant_changed
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.webhooks import recording
from portal.webhooks.tasks import deliver_webhooks
from portal.workflow.announcements import request_moved

REGISTRATION = AppRegistration(
    JOBS.contribution(Job("deliver-webhooks", deliver_webhooks, 60.0)),
    request_moved.contribution(recording.of_request),
    grant_changed.contribution(recording.of_grant),
    host_drifted.contribution(recording.of_drift),
)
