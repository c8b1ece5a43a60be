"""What this app adds to others."""

from celery.schedules import crontab

from portal.enforcement.liveness import carries, panel_of, status_of_request, statuses
from portal.enforcement.services import mark_changed
from portal.enforcement.tasks import check_hosts, publish, publish_changes
from portal.grants.panels import STATUS_PANELS
from portal.grants.publication import CARRIERS, Carrier, permissions_changed
from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.ui.panels import Panel
from portal.workflow.panels import REQUEST_PANELS

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(
        NavigationEntry("Enforcement", "enforcement", "signal", 50, lambda person: person.sees_everything),
    ),
    JOBS.contribution(
        Job("publish", publish, crontab(hour=0, minute=15)),
        Job("publish-changes", publish_changes, 60.0),
        Job("check-hosts", check_hosts, 300.0),
    ),
    CARRIERS.contribution(Carrier(statuses, carries)),
    STATUS_PANELS.contribution(Panel("enforcement/live_panel.html", panel_of)),
    REQUEST_PANELS.contribution(Panel("enforcement/request_panel.html", status_of_request)),
    permissions_changed.contribution(lambda _: mark_changed()),
)
