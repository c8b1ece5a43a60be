"""The Celery application and its static schedule.

Due work lives in the database and is swept on a schedule; no task carries a long countdown, since a worker
that is killed while it holds one loses it on the filesystem transport, and Redis gives it back only after
the visibility timeout.
"""

from celery import Celery
from celery.schedules import crontab
from django.conf import settings

from portal import env

env.load_dotenv()

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    timezone=settings.TIME_ZONE,
    beat_schedule_filename=str(settings.VAR_DIR / "celerybeat-schedule"),
    beat_schedule={
        "deliver-outbox": {"task": "portal.outbox.tasks.deliver_outbox", "schedule": 60.0},
        "send-reminders": {
            "task": "portal.grants.tasks.send_reminders",
            "schedule": crontab(hour=7, minute=0),
        },
        "reassign-unowned": {
            "task": "portal.ownership.tasks.reassign_unowned",
            "schedule": crontab(hour=6, minute=0),
        },
        "forget-api-calls": {"task": "portal.api.tasks.forget_calls", "schedule": crontab(hour=3, minute=0)},
        "follow-directory": {
            "task": "portal.accounts.tasks.follow_directory",
            "schedule": crontab(minute=40),
        },
        "clear-sessions": {
            "task": "portal.accounts.tasks.clear_sessions",
            "schedule": crontab(hour=3, minute=20),
        },
        "lapse-grants": {"task": "portal.grants.tasks.lapse_grants", "schedule": crontab(hour=0, minute=5)},
        "recheck-grants": {
            "task": "portal.grants.tasks.recheck_grants",
            "schedule": crontab(hour=5, minute=30),
        },
        "escalate-overdue": {
            "task": "portal.workflow.tasks.escalate_overdue",
            "schedule": crontab(hour=8, minute=0),
        },
        "resume-renewals": {"task": "portal.renewals.tasks.resume_runs", "schedule": 60.0},
        "judge-samples": {"task": "portal.samples.tasks.judge_waiting", "schedule": 60.0},
        "send-proof-reminders": {
            "task": "portal.samples.tasks.send_proof_reminders",
            "schedule": crontab(hour=7, minute=15),
        },
        "prove-senders": {"task": "senders.tasks.recheck_unproven", "schedule": 600.0},
        "check-dns-records": {
            "task": "senders.tasks.check_dns_records",
            "schedule": crontab(hour=4, minute=45),
        },
        "ask-outcomes": {"task": "campaigns.tasks.ask_outcomes", "schedule": crontab(hour=7, minute=30)},
        "carry-on-incidents": {"task": "portal.incidents.tasks.carry_on", "schedule": 60.0},
        "publish-changes": {"task": "portal.enforcement.tasks.publish_changes", "schedule": 60.0},
        "check-hosts": {"task": "portal.enforcement.tasks.check_hosts", "schedule": 300.0},
        "deliver-webhooks": {"task": "portal.webhooks.tasks.deliver_webhooks", "schedule": 60.0},
        "publish": {"task": "portal.enforcement.tasks.publish", "schedule": crontab(hour=0, minute=15)},
    },
)
if app.conf.broker_url == "filesystem://localhost":
    folder = settings.CELERY_FOLDER
    for name in ("queue", "processed", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "processed_folder": str(folder / "processed"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
    }
app.autodiscover_tasks()
