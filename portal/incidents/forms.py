"""The forms of incidents: subject and reason, and the outcome."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.grants import subjects
from portal.grants.subjects import Subject
from portal.incidents.models import About

_PARSERS: Mapping[About, Callable[[str], Subject]] = {
    About.HOLDER: subjects.parse_person,
    About.SYSTEM: subjects.parse_system,
    About.VENDOR: subjects.parse_vendor,
    About.KEY: subjects.parse_key,
    About.NAME: subjects.parse_name,
}


class IncidentForm(forms.Form):
    """About whom or what, and why."""

    about = forms.ChoiceField(label="What is it about?", choices=About.choices, widget=forms.RadioSelect)
    subject = forms.CharField(
        label="Which one?",
        max_length=255,
        help_text=(
            "A person: the email address. A system: copier-7.ttu.edu, 129.118.10.20, 129.118.10.16/29 or "
            "alerts@ttu.edu. A vendor: vendor.example. A key: s1 or s1._domainkey.ttu.edu. "
            "A name: part of the service's or vendor's name, or a permission's reference."
        ),
    )
    reason = forms.CharField(
        label="Why?",
        max_length=1500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Everyone concerned reads it: the owners, the co-owners, and the mailboxes of the permissions.",
    )

    def clean(self) -> dict[str, Any]:
        """The subject in canonical form."""
        data = super().clean() or self.cleaned_data
        subject, about = data.get("subject"), data.get("about")
        if subject and about:
            try:
                data["subject"] = normalised(About(about), subject)
            except ValueError as error:
                self.add_error("subject", ValidationError(str(error)))
        return data


def subject_of(about: About, text: str) -> Subject:
    """Return the subject to search for. Raises ValueError, with one sentence that says what to do, if the text
    is not one.
    """
    return _PARSERS[about](text)


def normalised(about: About, text: str) -> str:
    """Return the canonical form of a subject. Raises ValueError like `subject_of`."""
    return str(subject_of(about, text))


class CloseForm(forms.Form):
    """The outcome."""

    outcome = forms.CharField(
        label="What was the outcome?",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what the outcome was."},
    )
