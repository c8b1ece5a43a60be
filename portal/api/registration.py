"""What this app adds to others."""

from celery.schedules import crontab

from portal.api.tasks import forget_calls
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job

REGISTRATION = AppRegistration(
    JOBS.contribution(Job("forget-api-calls", forget_calls, crontab(hour=3, minute=0))),
)
