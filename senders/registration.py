"""What this app adds to others."""

from celery.schedules import crontab

from portal.enforcement.targets import EXPORT_TARGETS
from portal.grants.panels import GRANT_PANELS
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.standards.editions import CHAPTERS
from portal.ui.panels import Panel
from portal.workflow.registry import KINDS
from senders.clauses import CHAPTER
from senders.exports import DnsRecords
from senders.instructions import panel_of
from senders.kind import SendersKind
from senders.tasks import check_dns_records, recheck_unproven

REGISTRATION = AppRegistration(
    KINDS.contribution(SendersKind()),
    CHAPTERS.contribution(CHAPTER),
    EXPORT_TARGETS.contribution(DnsRecords()),
    JOBS.contribution(
        Job("prove-senders", recheck_unproven, 600.0),
        Job("check-dns-records", check_dns_records, crontab(hour=4, minute=45)),
    ),
    GRANT_PANELS.contribution(Panel("senders/dns_panel.html", panel_of)),
)
