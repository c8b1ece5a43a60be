"""The later pages of the campaign form: sending, the survey, stopping, and the statement."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns import calendar_rules, services
from campaigns.answers import limits_of, stopper_of
from campaigns.forms import CampaignStep
from campaigns.models import CampaignRequest, Irb
from portal.institution import institution
from portal.sending_calendar.labels import window_label
from portal.sending_calendar.windows import Window
from portal.workflow.answers import declare, field_for
from portal.workflow.fields import PersonField
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest


def _days(detail: CampaignRequest) -> str:
    window = calendar_rules.detail_window(detail)
    return window_label(window) if window else ""


class WindowStep(CampaignStep):
    """The page for the days, the number of messages and the rate."""

    live_fields = ("first_send_on", "last_send_on")
    first_send_on = field_for(
        CampaignRequest.first_send_on,
        "First day of sending",
        answer="",  # Shown with the last day.
    )
    last_send_on = field_for(
        CampaignRequest.last_send_on,
        "Last day of sending",
        answer="Days of sending",
        key="window",
        composed=_days,
        help_text="Reminders included. Nothing may be sent after this day.",
    )
    messages_each = field_for(
        CampaignRequest.messages_each,
        "How many messages does each person get?",
        answer="Messages to each person",
        min_value=1,
        max_value=20,
        help_text="Reminders included.",
    )
    hourly_rate = field_for(
        CampaignRequest.hourly_rate,
        "Messages an hour, at most",
        answer="Messages an hour, at most",
        min_value=1,
        max_value=1_000_000,
        help_text="With a slow start, mailbox providers learn to accept the mail.",
    )

    def clean_first_send_on(self) -> Any:
        """Check that the day is not in the past."""
        day = self.cleaned_data["first_send_on"]
        if day < timezone.localdate():
            raise ValidationError("This day is in the past. Choose a later one.")
        return day

    def clean(self) -> dict[str, Any]:
        """Check that the last day is after the first, and not too long after it."""
        data = super().clean() or self.cleaned_data
        first, last, longest = (
            data.get("first_send_on"),
            data.get("last_send_on"),
            institution().longest_campaign_days,
        )
        if first and last and last < first:
            self.add_error("last_send_on", "The last day is before the first.")
        elif first and last and (last - first).days >= longest:
            self.add_error(
                "last_send_on", f"A campaign lasts at most {longest} days. Choose an earlier last day."
            )
        return data

    def live_findings(self, field: str) -> list[Finding]:
        """Return the findings of the window for the live check beside its last day."""
        first, last = self.cleaned_data.get("first_send_on"), self.cleaned_data.get("last_send_on")
        people = frozenset(services.audience_of(self.service_request))
        if not first or not people:
            return []
        window = Window(first, last or first, people, self.detail.is_survey)
        return calendar_rules.window_findings(self.service_request, window)


class SurveyStep(CampaignStep):
    """The page for surveys (S-1 to S-9)."""

    survey_minutes = field_for(
        CampaignRequest.survey_minutes, "Minutes to complete", answer="Minutes", min_value=1, max_value=240
    )
    anonymity = field_for(
        CampaignRequest.anonymity,
        "Who can see who answered what?",
        answer="Who can see who answered",
    )
    incentive = field_for(
        CampaignRequest.incentive,
        "What do people get for taking part?",
        answer="For taking part",
        required=False,
        help_text="Leave empty if they get nothing.",
    )
    data_kept = field_for(
        CampaignRequest.data_kept,
        "Where are the answers kept, and for how long?",
        answer="Where answers are kept",
        rows=2,
    )
    irb = field_for(
        CampaignRequest.irb,
        "What does the Institutional Review Board say?",
        answer="Institutional Review Board",
    )
    irb_number = field_for(
        CampaignRequest.irb_number,
        "Determination number",
        answer="Determination",
        is_code=True,
        required=False,
        shown_when=("irb", (Irb.EXEMPT.value, Irb.APPROVED.value)),
    )
    irb_expires_on = field_for(
        CampaignRequest.irb_expires_on,
        "Last day of the approval",
        answer="Approval lasts until",
        required=False,
        shown_when=("irb", (Irb.APPROVED.value,)),
    )
    research_office_contact = field_for(
        CampaignRequest.research_office_contact,
        "Who at Institutional Research knows about it?",
        answer="Institutional Research",
        required=False,
        help_text="They may have the answers already, or plan a survey of their own.",
    )

    def clean_irb(self) -> str:
        """Refuse recruitment for research, which has another way (S-1)."""
        value: str = self.cleaned_data["irb"]
        if value == Irb.RECRUITMENT:
            raise ValidationError(
                "MKT-5: mass email may not recruit for research. Announce the study through the announcement "
                f"service, with its IRB number: {institution().announcement_url}"
            )
        return value

    def clean(self) -> dict[str, Any]:
        """Check that a determination has its number, and an approval its last day."""
        data = super().clean() or self.cleaned_data
        if data.get("irb") in (Irb.EXEMPT, Irb.APPROVED):
            self.need("irb_number", "MKT-5: enter the number of the determination.")
        if data.get("irb") == Irb.APPROVED:
            self.need("irb_expires_on", "MKT-5: enter the last day of the approval.")
            until, last = data.get("irb_expires_on"), self.detail.last_send_on
            if until and last and until < last:
                self.add_error(
                    "irb_expires_on",
                    "MKT-5: the approval ends before the last day of sending. Have it "
                    "extended, or send earlier.",
                )
        return data


class StopStep(CampaignStep):
    """The page for who can stop it and the stop limits (MKT-3, MKT-5)."""

    stopper = declare(
        PersonField(
            label="Who can stop it at any hour?",
            help_text="Yourself or a colleague; their email address.",
            error_messages={"required": "MKT-3: somebody must be able to stop the mailing at any hour."},
        ),
        CampaignRequest.stopper,
        "Can stop it at any hour",
        composed=stopper_of,
    )
    stopper_phone = field_for(
        CampaignRequest.stopper_phone,
        "Phone number of that person",
        answer="",  # Shown with the person.
    )
    stop_complaint_percent = field_for(
        CampaignRequest.stop_complaint_percent,
        "Stop at how many complaints per hundred messages?",
        answer="",  # Shown with the bounces.
        min_value=0,
    )
    stop_bounce_percent = field_for(
        CampaignRequest.stop_bounce_percent,
        "Stop at how many hard bounces per hundred messages?",
        answer="Stops at",
        key="limits",
        composed=limits_of,
        min_value=0,
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Return the initial answers: the institution's limits and the requester."""
        now, place = super().answers_now(service_request), institution()
        for name in ("stop_complaint_percent", "stop_bounce_percent"):
            now[name] = now[name] if now[name] is not None else getattr(place, name)
        return now | {"stopper": now["stopper"] or service_request.requester}

    def clean_stop_complaint_percent(self) -> Any:
        """Check that the limit is not above the institution's."""
        return self._limited("stop_complaint_percent")

    def clean_stop_bounce_percent(self) -> Any:
        """Check that the limit is not above the institution's."""
        return self._limited("stop_bounce_percent")

    def _limited(self, name: str) -> Any:
        value, most = self.cleaned_data[name], Decimal(str(getattr(institution(), name)))
        if value > most or value <= 0:
            raise ValidationError(f"Choose a limit above 0 and up to {most} per hundred messages.")
        return value


class StatementStep(CampaignStep):
    """The page for the requester's statement (MKT-1, MKT-2, MKT-4)."""

    is_attested = field_for(
        CampaignRequest.is_attested,
        "I am authorized to send this mail. It is not spam, and it is sent exactly as approved: this message, to "
        "these people, on these days.",
        answer="Statement",
        help_text="MKT-1, MKT-2 and MKT-4. A changed message needs a new approval. People who opt out get no "
        "more mail after ten business days at the latest. The approval can be revoked. Your name is recorded with "
        "this statement.",
        error_messages={"required": "MKT-1: the request cannot be reviewed without this statement."},
    )
