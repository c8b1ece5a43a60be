"""What this app adds to others."""

from portal.grants.panels import GRANT_PANELS, OVERVIEW_PANELS
from portal.grants.publication import permissions_changed
from portal.lib.registration import AppRegistration
from portal.policy_service.selectors import checks_now, checks_of, panel_of
from portal.policy_service.services import announce
from portal.ui.panels import Panel

REGISTRATION = AppRegistration(
    GRANT_PANELS.contribution(
        Panel("policy_service/usage_panel.html", panel_of),
        Panel("policy_service/checks_panel.html", checks_of),
    ),
    OVERVIEW_PANELS.contribution(Panel("policy_service/checks_panel.html", lambda _: checks_now())),
    permissions_changed.contribution(lambda _: announce()),
)
