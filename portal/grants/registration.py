"""What this app adds to others."""

from celery.schedules import crontab

from portal.grants import dating, publication
from portal.grants.announcements import grant_changed
from portal.grants.compliance import drifting_grants
from portal.grants.panels import GRANT_PANELS
from portal.grants.records import broken_records
from portal.grants.selectors import offers_to
from portal.grants.tasks import lapse_grants, recheck_grants, send_reminders
from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.lib.trusted_day import TRUSTED_DAYS
from portal.ui.panels import Panel
from portal.workflow.panels import HOME_PANELS, QUEUE_PANELS

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(NavigationEntry("My permissions", "grants", "shield-check", 30, lists_own=True)),
    JOBS.contribution(
        Job("lapse-grants", lapse_grants, crontab(hour=0, minute=5)),
        Job("recheck-grants", recheck_grants, crontab(hour=5, minute=30)),
        Job("send-reminders", send_reminders, crontab(hour=7, minute=0)),
    ),
    HOME_PANELS.contribution(Panel("grants/offers_panel.html", offers_to)),
    QUEUE_PANELS.contribution(Panel("grants/drift_panel.html", drifting_grants)),
    GRANT_PANELS.contribution(Panel("grants/records_panel.html", broken_records)),
    grant_changed.contribution(publication.follow),
    TRUSTED_DAYS.contribution(dating.trusted_day),
)
