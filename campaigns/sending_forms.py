"""The later pages of the campaign form: when it is sent, the survey, how it is stopped, the statement."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns import calendar_rules, services
from campaigns.forms import CampaignStep
from campaigns.models import Anonymity, Irb
from portal.accounts.models import User
from portal.institution import institution
from portal.sending_calendar.windows import Window
from portal.workflow.fields import PersonField
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest


class WindowStep(CampaignStep):
    """When, how often and how fast."""

    columns = ("first_send_on", "last_send_on", "messages_each", "hourly_rate")
    live_fields = ("first_send_on", "last_send_on")
    first_send_on = forms.DateField(
        label="First day of sending", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last_send_on = forms.DateField(
        label="Last day of sending",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Reminders included. Nothing may be sent after it.",
    )
    messages_each = forms.IntegerField(
        label="How many messages does each person get?",
        min_value=1,
        max_value=20,
        help_text="Reminders included.",
    )
    hourly_rate = forms.IntegerField(
        label="Messages an hour, at most",
        min_value=1,
        max_value=1_000_000,
        help_text="A slow start lets mailbox providers get used to the mail.",
    )

    def clean_first_send_on(self) -> Any:
        """Still to come."""
        day = self.cleaned_data["first_send_on"]
        if day < timezone.localdate():
            raise ValidationError("This day is over. Choose one that is still to come.")
        return day

    def clean(self) -> dict[str, Any]:
        """The last day after the first, and not too far off."""
        data = super().clean() or self.cleaned_data
        first, last, longest = (
            data.get("first_send_on"),
            data.get("last_send_on"),
            institution().longest_campaign_days,
        )
        if first and last and last < first:
            self.add_error("last_send_on", "The last day lies before the first.")
        elif first and last and (last - first).days >= longest:
            self.add_error(
                "last_send_on", f"A campaign lasts at most {longest} days. Choose an earlier last day."
            )
        return data

    def live_findings(self, field: str) -> list[Finding]:
        """The window against the calendar, under the last of the two days that is known."""
        first, last = self.cleaned_data.get("first_send_on"), self.cleaned_data.get("last_send_on")
        people = frozenset(services.audience_of(self.service_request))
        if not first or not people:
            return []
        window = Window(first, last or first, people, self.detail.is_survey)
        return calendar_rules.window_findings(self.service_request, window)


class SurveyStep(CampaignStep):
    """What a survey needs besides (S-1 to S-9)."""

    columns = (
        "survey_minutes",
        "anonymity",
        "incentive",
        "data_kept",
        "irb",
        "irb_number",
        "irb_expires_on",
        "research_office_contact",
    )
    survey_minutes = forms.IntegerField(label="Minutes it takes", min_value=1, max_value=240)
    anonymity = forms.ChoiceField(
        label="Who finds out who answered what?", choices=Anonymity.choices, widget=forms.RadioSelect
    )
    incentive = forms.CharField(
        label="What do people get for taking part?",
        max_length=300,
        required=False,
        help_text="Leave it empty for nothing.",
    )
    data_kept = forms.CharField(
        label="Where are the answers kept, and for how long?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    irb = forms.ChoiceField(
        label="What does the Institutional Review Board say?", choices=Irb.choices, widget=forms.RadioSelect
    )
    irb_number = forms.CharField(label="Number of the determination", max_length=60, required=False)
    irb_number.shown_when = ("irb", (Irb.EXEMPT.value, Irb.APPROVED.value))  # type: ignore[attr-defined] # portal.ui.fields
    irb_expires_on = forms.DateField(
        label="Last day of the approval",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    irb_expires_on.shown_when = ("irb", (Irb.APPROVED.value,))  # type: ignore[attr-defined] # portal.ui.fields
    research_office_contact = forms.CharField(
        label="Who of Institutional Research knows of it?",
        max_length=200,
        required=False,
        help_text="They may have the answers already, or plan a survey of their own.",
    )

    def clean_irb(self) -> str:
        """Recruiting for research has another route (S-1)."""
        value: str = self.cleaned_data["irb"]
        if value == Irb.RECRUITMENT:
            raise ValidationError(
                "MKT-5: mass mail may not recruit for research. Announce the study through the announcement "
                f"service, with its IRB number: {institution().announcement_url}"
            )
        return value

    def clean(self) -> dict[str, Any]:
        """A determination has its number, an approval its last day."""
        data = super().clean() or self.cleaned_data
        if data.get("irb") in (Irb.EXEMPT, Irb.APPROVED):
            self.need("irb_number", "MKT-5: give the number of the determination.")
        if data.get("irb") == Irb.APPROVED:
            self.need("irb_expires_on", "MKT-5: give the last day of the approval.")
            until, last = data.get("irb_expires_on"), self.detail.last_send_on
            if until and last and until < last:
                self.add_error(
                    "irb_expires_on",
                    "MKT-5: the approval ends before the last day of sending. Have it "
                    "extended, or send earlier.",
                )
        return data


class StopStep(CampaignStep):
    """Who can stop it, and the figures at which it stops (MKT-3, MKT-5)."""

    columns = ("stopper", "stopper_phone", "stop_complaint_percent", "stop_bounce_percent")
    stopper = PersonField(
        label="Who can stop it at any hour?",
        help_text="Yourself or a colleague; their e-mail address.",
        error_messages={"required": "MKT-3: somebody must be able to stop the mailing at any hour."},
    )
    stopper_phone = forms.CharField(label="Telephone of that person", max_length=60)
    stop_complaint_percent = forms.DecimalField(
        label="Stop at how many complaints per hundred messages?", min_value=0, max_digits=5, decimal_places=2
    )
    stop_bounce_percent = forms.DecimalField(
        label="Stop at how many hard bounces per hundred messages?",
        min_value=0,
        max_digits=5,
        decimal_places=2,
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """The columns, with the institution's limits and the requester to begin with."""
        now, place = super().answers_now(service_request), institution()
        person: User = now["stopper"] or service_request.requester
        for name in ("stop_complaint_percent", "stop_bounce_percent"):
            now[name] = now[name] if now[name] is not None else getattr(place, name)
        return now | {"stopper": person.email}

    def clean_stop_complaint_percent(self) -> Any:
        """Not above the institution's own limit."""
        return self._limited("stop_complaint_percent")

    def clean_stop_bounce_percent(self) -> Any:
        """Not above the institution's own limit."""
        return self._limited("stop_bounce_percent")

    def _limited(self, name: str) -> Any:
        value, most = self.cleaned_data[name], Decimal(str(getattr(institution(), name)))
        if value > most or value <= 0:
            raise ValidationError(f"Choose a limit above 0 and up to {most} per hundred messages.")
        return value


class StatementStep(CampaignStep):
    """What the requester states (MKT-1, MKT-2, MKT-4)."""

    columns = ("is_attested",)
    is_attested = forms.BooleanField(
        label="I have the authority to send this mail. It is no spam, goes to nobody but the people named, and is sent "
        "as approved: this message, these people, these days.",
        help_text="MKT-1, MKT-2 and MKT-4. A changed message needs a new approval. Whoever opts out is written to no "
        "more, at the latest after ten business days. Approval can be taken back. Your name stands with this.",
        error_messages={"required": "MKT-1: without this statement the request cannot be judged."},
    )
