"""What this app adds to others."""

from celery.schedules import crontab

from portal.accounts.announcements import directory_imported
from portal.grants.announcements import grant_changed
from portal.grants.notices import REMINDED_TOO
from portal.grants.panels import GRANT_PANELS
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.ownership import services
from portal.ownership.selectors import panel_of, reminder_recipients
from portal.ownership.tasks import reassign_unowned
from portal.ui.panels import Panel

REGISTRATION = AppRegistration(
    JOBS.contribution(Job("reassign-unowned", reassign_unowned, crontab(hour=6, minute=0))),
    GRANT_PANELS.contribution(Panel("ownership/grant_panel.html", panel_of)),
    REMINDED_TOO.contribution(reminder_recipients),
    directory_imported.contribution(services.after_import),
    grant_changed.contribution(services.follow_change),
)
