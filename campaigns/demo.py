"""The campaign request of the demonstration."""

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from portal.accounts.models import User
from portal.institution import institution
from portal.sending_calendar.windows import Window, earliest_start, next_free
from portal.workflow.calendar import business_calendar
from portal.workflow.demo import DemoRequest

_DAYS = 5
_ADDRESS = "Texas Tech University, 2500 Broadway Street, Lubbock, TX 79409"
_OPT_OUT = "https://lists.ttu.edu/u/3f9c1e7a5b2d48c6"


def demo_requests(people: Mapping[str, User]) -> list[DemoRequest]:
    """Return a survey of students in the next free window, waiting for the CIO office."""
    place, calendar, today = institution(), business_calendar(), timezone.localdate()
    wanted = Window(today, today + timedelta(days=_DAYS - 1), frozenset({"students"}), is_survey=True)
    window = next_free(wanted, [], place, calendar, not_before=earliest_start(today, place, calendar))
    if window is None:
        return []  # An institution whose calendar is closed for a year shows no campaign.
    text = (
        "We would like to know how the new study rooms are used. It takes five minutes.\n\n"
        "Take part: https://survey.ttu.edu/study-rooms\n\n"
        f"You may opt out of such mail at any time: unsubscribe at {_OPT_OUT}\n\n{_ADDRESS}\n"
    )
    return [
        DemoRequest(
            {
                "kind": "survey",
                "runner": "internal",
                "promotes": "no",
                "sender_of_record": people["requester"].department,
                "from_name": people["requester"].department,
                "from_address": f"alerts@{place.mail_domain}",
                "platform": "list_server",
                "people_students": "4200",
                "consent": "duty",
                "is_list_clean": "on",
                "audience_source": "Student information system: students of our courses",
                "how": "parts",
                "subject": "How do you use the study rooms?",
                "text": text,
                "html": "",
                "first_send_on": window.starts_on.isoformat(),
                "last_send_on": window.ends_on.isoformat(),
                "messages_each": "2",
                "hourly_rate": "1000",
                "survey_minutes": "5",
                "anonymity": "confidential",
                "incentive": "",
                "data_kept": "On our own server, for a year",
                "irb": "not_research",
                "research_office_contact": "Dana, Institutional Research",
                "stopper": people["requester"].email,
                "stopper_phone": "806 555 0100",
                "stop_complaint_percent": str(place.stop_complaint_percent),
                "stop_bounce_percent": str(place.stop_bounce_percent),
                "department": people["requester"].department,
                "purpose": "To plan the study rooms of the next year.",
                "is_attested": "on",
            }
        )
    ]
