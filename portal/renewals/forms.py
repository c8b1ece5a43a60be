"""The forms of the renewals room."""

from django import forms


class ConfirmForm(forms.Form):
    """The owner's confirmation: nothing but the revision of the grant that the page showed."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
