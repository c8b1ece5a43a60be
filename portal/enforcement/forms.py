"""Forms to create a token for a mail host, and to release a held change."""

import re

from django import forms

from portal.enforcement.targets import EXPORT_TARGETS
from portal.institution import institution

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
LONGEST_DAYS = 400


class ReleaseAnywayForm(forms.Form):
    """Why a held change is correct."""

    reason = forms.CharField(
        label="Why is this change right?",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It is recorded with your name.",
        error_messages={"required": "Say why this is meant. It is recorded with your name."},
    )


class TokenForm(forms.Form):
    """The host, the targets and the validity of a token."""

    host = forms.CharField(label="Host name", max_length=100)
    targets = forms.MultipleChoiceField(
        label="What it may pull",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=365,
        help_text="You hear of it two weeks before.",
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choice = self.fields["targets"]
        assert isinstance(choice, forms.MultipleChoiceField)
        choice.choices = [(target.key, target.label) for target in EXPORT_TARGETS]
        self.fields[
            "host"
        ].help_text = f"Such as relay1.{institution().mail_domain}. The host reports by this name."

    def clean_host(self) -> str:
        """A host name in lower case."""
        host = str(self.cleaned_data["host"]).strip().lower()
        if not _HOST.fullmatch(host):
            raise forms.ValidationError("Write a host name: letters, digits, dots and hyphens.")
        return host
