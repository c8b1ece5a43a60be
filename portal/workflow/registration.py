"""What this app adds to others."""

from celery.schedules import crontab

from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.workflow.tasks import escalate_overdue

REGISTRATION = AppRegistration(
    NAVIGATION.contribution(
        NavigationEntry("New request", "guide", "plus-circle", 10),
        NavigationEntry("My requests", "requests", "document-text", 20, lists_own=True),
        NavigationEntry("Queue", "queue", "inbox-stack", 40, lambda person: person.sees_everything),
    ),
    JOBS.contribution(Job("escalate-overdue", escalate_overdue, crontab(hour=8, minute=0))),
)
