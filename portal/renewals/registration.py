"""What this app adds to others."""

from portal.accounts.roles import Role
from portal.grants.renewing import JUDGES, RenewalJudge
from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.renewals.selectors import panel_of
from portal.renewals.services import judging
from portal.renewals.tasks import resume_runs
from portal.ui.panels import Panel
from portal.workflow.panels import REQUEST_PANELS

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(
        NavigationEntry(
            "Renewals", "renewals", "arrow-path", 60, lambda person: person.has_role(Role.REVIEWER)
        ),
    ),
    JOBS.contribution(Job("resume-renewals", resume_runs, 60.0)),
    JUDGES.contribution(RenewalJudge(judging.judge, judging.is_short)),
    REQUEST_PANELS.contribution(Panel("renewals/request_panel.html", panel_of)),
)
