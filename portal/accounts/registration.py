"""What this app adds to others."""

from celery.schedules import crontab

from portal.accounts.tasks import clear_sessions, follow_directory
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job

REGISTRATION = AppRegistration(
    JOBS.contribution(
        Job("follow-directory", follow_directory, crontab(minute=40)),
        Job("clear-sessions", clear_sessions, crontab(hour=3, minute=20)),
    ),
)
