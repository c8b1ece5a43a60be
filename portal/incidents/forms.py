"""What an incident is about, why, and what came of it."""

import ipaddress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.incidents.models import About


class IncidentForm(forms.Form):
    """About whom or what, and why."""

    about = forms.ChoiceField(label="What is it about?", choices=About.choices, widget=forms.RadioSelect)
    subject = forms.CharField(
        label="Which one?",
        max_length=255,
        help_text="The person's e-mail address; the host name, IP address or sender address; or the vendor's domain.",
    )
    reason = forms.CharField(
        label="Why?",
        max_length=1500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Everyone concerned reads it: the owners, the co-owners, and the mailboxes of the permissions.",
    )

    def clean(self) -> dict[str, Any]:
        """The subject in lower case, in the form that its sort has."""
        data = super().clean() or self.cleaned_data
        subject, about = data.get("subject"), data.get("about")
        if subject and about:
            try:
                data["subject"] = normalised(About(about), subject)
            except ValueError as error:
                self.add_error("subject", ValidationError(str(error)))
        return data


def normalised(about: About, subject: str) -> str:
    """A subject as it is looked for. Raises ValueError, with one sentence, for one of another sort."""
    text = subject.strip().lower().rstrip(".")
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        raise ValueError("Write one address, host or domain, without blanks.")
    if about == About.HOLDER:
        if text.count("@") != 1 or text.startswith("@") or text.endswith("@"):
            raise ValueError("Write the person's e-mail address.")
        return text
    if about == About.VENDOR:
        domain = text.removeprefix("@").removeprefix("*.")
        if "@" in domain or "." not in domain or "/" in domain:
            raise ValueError("Write the vendor's domain, such as vendor.example.")
        return domain
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if "." not in text:
            raise ValueError("Write a host name, an IP address or a sender address in full.") from None
        return text


class CloseForm(forms.Form):
    """What came of it."""

    outcome = forms.CharField(
        label="What came of it?", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what came of it."},
    )  # fmt: skip
