"""The form by which IT offers an unowned permission to somebody."""

from django import forms

from portal.workflow.fields import PersonField


class OfferForm(forms.Form):
    """The person, and a message to them."""

    to = PersonField(label="To whom?", help_text="The email address of a person with an account here.")
    note = forms.CharField(
        label="A word to them", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
