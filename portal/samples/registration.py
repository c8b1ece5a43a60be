"""What this app adds to others."""

from celery.schedules import crontab

from portal.grants.panels import GRANT_PANELS, ROW_NOTES
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.samples.selectors import marks_of, overdue_notes, proof_panel
from portal.samples.tasks import judge_waiting, send_proof_reminders
from portal.ui.panels import Panel
from portal.workflow.panels import ROW_MARKS

REGISTRATION = AppRegistration(
    JOBS.contribution(
        Job("judge-samples", judge_waiting, 60.0),
        Job("send-proof-reminders", send_proof_reminders, crontab(hour=7, minute=15)),
    ),
    GRANT_PANELS.contribution(Panel("samples/proof_panel.html", proof_panel)),
    ROW_NOTES.contribution(overdue_notes),
    ROW_MARKS.contribution(marks_of),
)
