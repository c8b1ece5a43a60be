"""The forms of the grant page."""

from django import forms

from portal.workflow.fields import PersonField


class GrantReasonForm(forms.Form):
    """A change of state with its reason."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why?",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why. The owner reads it."},
    )


class HandOverForm(forms.Form):
    """An offer to another person."""

    to = PersonField(label="To whom?", help_text="The email address of a person with an account here.")
    note = forms.CharField(
        label="A word to them", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
