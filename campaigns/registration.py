"""What campaigns add to other apps."""

from celery.schedules import crontab

from campaigns import delegation, notices, selectors
from campaigns.clauses import CHAPTER
from campaigns.gate import GATE
from campaigns.kind import CampaignsKind
from campaigns.panels import DELEGATED, DELIVERY, DEPENDENTS, LISTS, VERIFY
from campaigns.tasks import request_results
from portal.accounts.roles import Role
from portal.grants.announcements import grant_changed
from portal.grants.panels import GRANT_PANELS
from portal.incidents.notices import AUDIENCES, Audience
from portal.lib.navigation import NAVIGATION, NavigationEntry
from portal.lib.registration import AppRegistration
from portal.lib.schedule import JOBS, Job
from portal.policy_service.gates import GATES
from portal.sending_calendar.bookings import BOOKING_SOURCES
from portal.standards.editions import CHAPTERS
from portal.workflow.panels import QUEUE_PANELS
from portal.workflow.registry import KINDS
from portal.workflow.stand_ins import STAND_INS

REGISTRATION = AppRegistration(
    KINDS.contribution(CampaignsKind()),
    CHAPTERS.contribution(CHAPTER),
    AUDIENCES.contribution(Audience(CampaignsKind.key, Role.CIO)),
    STAND_INS.contribution(delegation),
    GATES.contribution(GATE),
    BOOKING_SOURCES.contribution(selectors.bookings),
    NAVIGATION.contribution(
        NavigationEntry(
            "Campaigns", "campaign_queue", "megaphone", 80, lambda person: person.has_role(Role.CIO)
        ),
    ),
    JOBS.contribution(Job("request-campaign-results", request_results, crontab(hour=7, minute=30))),
    GRANT_PANELS.contribution(DEPENDENTS, LISTS, DELIVERY, VERIFY),
    QUEUE_PANELS.contribution(DELEGATED),
    grant_changed.contribution(notices.sender_changed),
)
