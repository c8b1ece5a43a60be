"""What this app adds to others."""

from portal.grants.panels import GRANT_PANELS
from portal.incidents.selectors import incidents_against, panel_of
from portal.incidents.tasks import carry_on
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.ui.panels import Panel
from portal.workflow.panels import REQUEST_PANELS

REGISTRATION = AppRegistration(
    JOBS.contribution(Job("carry-on-incidents", carry_on, 60.0)),
    GRANT_PANELS.contribution(Panel("incidents/grant_panel.html", panel_of)),
    REQUEST_PANELS.contribution(Panel("incidents/request_panel.html", incidents_against)),
)
