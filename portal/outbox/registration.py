"""What this app adds to others."""

# Binds shared tasks to the portal's Celery application, also in the web process.
from portal import celery  # noqa: F401
from portal.accounts.announcements import account_notice
from portal.accounts.roles import Role
from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.outbox import account_notices
from portal.outbox.tasks import deliver_outbox

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(
        NavigationEntry(
            "Outbound email",
            "outbox",
            "paper-airplane",
            100,
            lambda person: person.has_role(Role.ADMINISTRATOR),
        ),
    ),
    JOBS.contribution(Job("deliver-outbox", deliver_outbox, 60.0)),
    account_notice.contribution(account_notices.tell),
)
