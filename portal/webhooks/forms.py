"""The forms of endpoints."""

from typing import Any

from django import forms

from portal.lib.text import one_line
from portal.webhooks.addresses import LONGEST_URL, UrlRefused, check_host, parse_url
from portal.webhooks.models import Endpoint, EventType


class WantedForm(forms.Form):
    """The description and the events of an endpoint."""

    description = forms.CharField(
        label="What it is for", max_length=200, help_text="Such as: Tickets of the help center."
    )
    events = forms.MultipleChoiceField(
        label="What it hears of",
        choices=[(kind.value, kind.label) for kind in EventType if kind is not EventType.TEST],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )

    def clean_description(self) -> str:
        """The description on one line."""
        return one_line(self.cleaned_data["description"])


class EndpointForm(WantedForm):
    """A new endpoint, with its URL."""

    url = forms.CharField(
        label="URL",
        max_length=LONGEST_URL,
        help_text="Such as https://hooks.example.edu/techmail. Events are sent there by POST.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("url", "description", "events")

    def clean_url(self) -> str:
        """The URL in canonical form, of a host that may be reached."""
        try:
            target = parse_url(self.cleaned_data["url"])
            check_host(target)
        except UrlRefused as error:
            raise forms.ValidationError(str(error)) from None
        return target.url


def wanted_form(endpoint: Endpoint, data: Any = None) -> WantedForm:
    """The form with what the endpoint has now, or with what was typed."""
    initial = {"description": endpoint.description, "events": endpoint.events}
    return WantedForm(data, initial=initial)
