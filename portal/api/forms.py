"""The form to create a token for a program."""

from django import forms

from portal.api.models import Scope
from portal.workflow.fields import PersonField

LONGEST_DAYS = 400


class TokenForm(forms.Form):
    """The program, the person it acts for, its scopes, and its validity."""

    name = forms.SlugField(
        label="Name of the program",
        max_length=60,
        help_text="Letters, digits, hyphens. A name that is known already gets another token.",
    )
    owner = PersonField(
        label="Whom it acts for",
        help_text="A person’s address. It sees what they see, and what it files is theirs.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=LONGEST_DAYS, initial=365)

    def clean_name(self) -> str:
        """In lower case, so that two spellings are one program."""
        return str(self.cleaned_data["name"]).lower()
